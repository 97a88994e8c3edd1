/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_STORE_H
#define HC_STORAGE_STORE_H
/* What a store promises. Four backends pass one contract suite (tests/contract): memory/ is the executable specification, sqlite/ the
 * default, mongo/ the large one, faulty/ wraps any of them.
 *
 * Few, whole operations: each is atomic, each leaves its outputs alone unless it succeeds, each returns one of enum store_rc and says in
 * err what happened. Nothing is logged here.
 *
 * Threads: every function blocks, so workers only. Writes (append, erase, put_*, prune) come from lanes; the same chat is always
 * appended by the same lane, one call at a time. Everything else, and writes to different chats, may come from any number of threads at
 * once. A store is opened and closed once, on one thread, with no call under way.
 *
 * Numbers: the store is the sequencer by compare-and-append. Whoever appends says which number its transaction takes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "storage/records.h"

/* Sorted by what the caller does next. */
enum store_rc {
	STORE_OK = 0,
	STORE_NOT_FOUND,   /* there is no such chat, user, device, store: an answer, not a failure */
	STORE_UNAVAILABLE, /* nothing happened; try again later */
	STORE_UNKNOWN,     /* it may have happened: repeat the same call with the same data (put_* are idempotent) */
	STORE_REFUSED,     /* will never work: newer schema, not a store, wrong URI. Only from open */
	STORE_CORRUPT,     /* what is stored contradicts itself; err says where */
	STORE_TAKEN,       /* somebody else has that name: an answer, not a failure. Nothing happened */
};

/* ---- opening ---- */

enum { STORE_EPOCH_LEN = ID_TEXT_LEN, STORE_SECRET_BYTES = 32 };

struct store_info {
	char epoch[STORE_EPOCH_LEN + 1];            /* random, made with the store, new after a restore */
	unsigned char secret[STORE_SECRET_BYTES];   /* made with the store: 1:1 chat IDs */
	char writer[WRITER_MAX + 1];                /* this broker's name in the log: made with the store for sqlite and memory */
	int schema_version;
	int schema_found; /* as it was when the store was opened: an older one was migrated; 0: it was made */
};

/* Bits for opening. */
enum {
	STORE_NO_MIGRATION = 1, /* an older schema is STORE_REFUSED, and left as it is */
	STORE_BESIDE = 2,       /* a broker may have it open: what it has looked after when it opened it is not done again */
	STORE_EXISTING = 4,     /* where there is none it is STORE_NOT_FOUND, and none is made, nor any part of one */
};

struct store; /* a backend's own struct begins with { const struct store_ops *ops; } */

/* ---- appending ---- */

enum append_result {
	APPEND_OK,            /* all of them survive power loss; position is set in none (transactions are immutable): see last_position */
	APPEND_CONFLICT,      /* nothing of this chat was added, and never will be in this form:
	                       *   duplicate_number != 0: the key of transactions[duplicate_index] is that transaction's already (same chat, sender, key,
	                       *     at most 7 days old, another head); not looked for where the key is a KEY_ONCE;
	                       *   else: another writer has a number of ours, the number before ours is not there, our head does not follow the
	                       *     one that is, or the body of a membership or group transaction is not what its type says */
	APPEND_NOTHING_ADDED, /* safe to try again, later */
	APPEND_UNKNOWN,       /* some outcome of the above: repeat the same transactions at the same numbers until it is known. An append of what is already
	                       * there (same number, same head) is APPEND_OK and adds nothing */
};

/* What one append of a chat has at most; a decision's transactions stay together. */
enum { APPEND_COUNT_MAX = 256, APPEND_TEXT_BYTES_MAX = 4 << 20 };

struct append {
	/* in; the caller keeps them */
	const char *chat_id;
	struct transaction *const *transactions; /* consecutive numbers, heads computed; all or none are added */
	size_t transaction_count;
	/* out */
	enum append_result result;
	size_t duplicate_index;
	uint64_t duplicate_number;
	uint64_t last_position; /* APPEND_OK: the writer position of the last of them */
};

/* ---- the operations: each member blocks; outputs belong to the caller on STORE_OK and are untouched otherwise ---- */

struct store_ops {
	const char *name; /* the URI's scheme */
	unsigned lanes;   /* how many appends, of different chats, are worth doing at once */
	bool shared;      /* other brokers may use it at the same time, and it may be away when the broker starts */

	/* Another scheme of the same kind of store, whose URIs open gets whole; NULL: there is none. */
	const char *also;

	/* uri: what follows "<name>:". Creates what is missing (flags: STORE_EXISTING), migrates what is older (STORE_NO_MIGRATION), refuses what is newer. */
	enum store_rc (*open)(const char *uri, unsigned flags, struct store **store, struct error *err);
	void (*close)(struct store *store); /* NULL is fine */
	enum store_rc (*info)(struct store *store, struct store_info *info, struct error *err);

	/* Appends for any number of chats in one durable step where the backend can; a chat appears at most once in the batch.
	 * Fills every appends[i].result whatever it returns. STORE_OK: each result says. Anything else: the results are all NOTHING_ADDED
	 * or UNKNOWN, and err says why. The projections (members, intervals, latest) change with the transactions, atomically. */
	enum store_rc (*append)(struct store *store, struct append *appends, size_t append_count, struct error *err);

	enum store_rc (*load_chat)(struct store *store, const char *chat_id, struct chat_record **chat, struct error *err);

	/* NOT_FOUND: never logged in (put_user) . */
	enum store_rc (*load_user)(struct store *store, const char *user_id, struct user_record **user, struct error *err);

	/* One membership, for a reader: as in the user's list. NOT_FOUND: no such chat, or never a member of it. */
	enum store_rc (*load_membership)(struct store *store, const char *user_id, const char *chat_id, struct user_chat **membership,
	                                 struct error *err);

	/* A page of the chats that he is a member of now: newest activity first, then by chat ID in the order of its bytes, so each has a place of its
	 * own, (latest_at_ms, chat_id). What is not on the page costs little. *more: there are others behind it. NOT_FOUND: as load_user. */
	enum store_rc (*list_memberships)(struct store *store, const char *user_id, const struct chat_window *window, struct user_record **user,
	                                  bool *more, struct error *err);

	/* The number and content hash of the transaction that (chat, sender, key) made, at most 7 days before the chat's latest one
	 * (a store has no clock of its own); the newest, if there are several. NOT_FOUND: none, or forgotten by prune.
	 * key_hash: 16 zero bytes where the body was erased: then nobody can tell one command of that key from another (transaction_is_repeated).
	 * since_ms: a KEY_ONCE is searched back to the first transaction that is older, but at least among the newest STORE_ONCE_COUNT, since
	 * clocks jump; for any other key it has no meaning. */
	enum store_rc (*find_key)(struct store *store, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
	                          uint64_t *number, unsigned char key_hash[ID_BYTES], struct error *err);

	/* A message with what became of it. NOT_FOUND: no such number, or no message. */
	enum store_rc (*read_message)(struct store *store, const char *chat_id, uint64_t number, struct message_state *state, struct error *err);

	/* Of each of those messages its last edit that the reader sees; NULL: none, or it is no message. An edit above membership->latest is seen by
	 * nobody yet.
	 *
	 * membership, blocks  as for read_summary.
	 * numbers             at least one, ascending, none twice.
	 * edits               one for each number, references. Where there is no such chat all are NULL. */
	enum store_rc (*read_edits)(struct store *store, const struct user_chat *membership, const struct block *blocks, size_t block_count,
	                            const uint64_t *numbers, size_t number_count, struct transaction **edits, struct error *err);

	/* Numbers from…to, both included, as far as the limits go. A chat that does not exist is an empty page with latest 0. */
	enum store_rc (*read_page)(struct store *store, const char *chat_id, uint64_t from, uint64_t to, const struct page_limits *limits,
	                           struct page *page, struct error *err);

	/* membership  as load_membership or load_user gave it.
	 * blocks      whom user_id blocked and when.
	 * mention     the name to look for, without '@'; ASCII letters count as equal in both cases. NULL: none is looked for. */
	enum store_rc (*read_summary)(struct store *store, const char *user_id, const struct user_chat *membership, const struct block *blocks,
	                              size_t block_count, const char *mention, struct chat_summary *summary, struct error *err);

	/* What `writer` wrote, in the order of positions, from `position` on (0: from the start); page.latest is 0. Positions ascend and may have
	 * gaps. *next: from where the next call has to go on so that nothing is missed. It is at most the page's last position + 1, and less while
	 * something older may still become visible: so a page may hold again what an earlier one had, and whoever reads along goes by the numbers.
	 * Where the page is empty it may be behind what others wrote.
	 * What is damaged ends a page. CORRUPT: it stands first; *next is behind it, for those who can do without it, or `position` where the store
	 * does not know what it is, or may not say yet. */
	enum store_rc (*tail)(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page, uint64_t *next,
	                      struct error *err);

	/* Chat IDs in their own order after `after` ("" from the start), for tools that walk everything. One block: store_free. */
	enum store_rc (*list_chats)(struct store *store, const char *after, size_t count_max, const char *const **chat_ids, size_t *count,
	                            struct error *err);

	/* Chats that ended before that time and are not erased yet, any of them, at most count_max. One block: store_free. */
	enum store_rc (*list_ended)(struct store *store, int64_t ended_before_ms, size_t count_max, const char *const **chat_ids, size_t *count,
	                            struct error *err);

	/* Erases texts for good, a bounded piece at a time (*more: call again), going through the log once:
	 *   sender_id        body and quote of each TX_MESSAGE and TX_EDIT of his in that chat, and the quotes of his messages in others' replies
	 *   sender_id NULL   all bodies and quotes of the chat whatever their type, its name and its icon
	 * The chain verifies as before. Members, intervals and marks stay. An erasure that was broken off goes on where it was; what is erased is
	 * erased, so it may be repeated. A chat that does not exist, or a sender that is not known: nothing to do. */
	enum store_rc (*erase)(struct store *store, const char *chat_id, const char *sender_id, bool *more, struct error *err);

	/* The user exists from now on. Idempotent: the first time counts. */
	enum store_rc (*put_user)(struct store *store, const char *user_id, int64_t at_ms, struct error *err);

	/* Larger values win, others and unknown members are passed over. All or none. */
	enum store_rc (*put_receipts)(struct store *store, const struct receipt *receipts, size_t receipt_count, struct error *err);

	/* until_ms: 0 ends it; the last call counts. Unknown users and chats, and who never was a member, are passed over. */
	enum store_rc (*put_mute)(struct store *store, const char *user_id, const char *chat_id, int64_t until_ms, struct error *err);

	enum store_rc (*load_device)(struct store *store, const char *user_id, const char *device, struct device_record **record,
	                             struct error *err);
	enum store_rc (*put_device)(struct store *store, const char *user_id, const char *device, int64_t seen_at_ms, const char *subscriptions,
	                            uint32_t max_bytes, struct error *err);
	/* Larger numbers win; cursors of unknown devices and chats are passed over: put_device comes first. Not OK: some may be stored; it may be
	 * repeated, also in parts. */
	enum store_rc (*put_cursors)(struct store *store, const struct cursor *cursors, size_t cursor_count, struct error *err);

	/* Forgets what is no longer needed: keys older than 7 days, as far as forgetting them saves anything, devices not seen for 90 days,
	 * who used invitations that expired, icons that nobody names, old notices, leases long over, what operators did long ago; a bounded piece of work
	 * at a time. *more: call again. */
	enum store_rc (*prune)(struct store *store, int64_t now_ms, bool *more, struct error *err);

	/* Moves what is committed to its final place, off the commit path (SQLite's checkpoint). NULL where there is nothing to do.
	 *
	 * Erasure: what an append or erase that returned before this call erased (text and salt) is in no file of the store any more when it
	 * returns OK. Until then a file may still have it, so it is called soon after. UNAVAILABLE: somebody reads what was before; call again.
	 * Where there is no checkpoint, it is gone when the append or erase returns. */
	enum store_rc (*checkpoint)(struct store *store, struct error *err);

	/* The backend's own integrity check (SQLite's integrity_check; projections against the log are hyperchatctl's). STORE_CORRUPT with the first problem. */
	enum store_rc (*verify)(struct store *store, struct error *err);

	/* ---- many brokers, and who reads along ----
	 *
	 * All of it may come from any number of threads at once, and may be repeated. */

	/* Everybody who ever wrote, in the order of the bytes of their names. One block: store_free. */
	enum store_rc (*list_writers)(struct store *store, const char *const **writers, size_t *count, struct error *err);

	/* A named place in somebody's tail ("kafka/" and the writer): the position from which what reads along goes on, as for tail; all below is
	 * done. Larger ones win. name: at most PLACE_NAME_MAX bytes. NOT_FOUND: never put. */
	enum store_rc (*put_place)(struct store *store, const char *name, uint64_t position, struct error *err);
	enum store_rc (*load_place)(struct store *store, const char *name, uint64_t *position, struct error *err);

	/* name is holder's until until_ms, by the callers' wall clocks (now_ms is the caller's): taken anew, made longer, or given back (until_ms <=
	 * now_ms). TAKEN: another one's time is not over. */
	enum store_rc (*take_lease)(struct store *store, const char *name, const char *holder, int64_t now_ms, int64_t until_ms,
	                            struct error *err);

	/* 32 random bytes that encrypt what leaves the house of that chat; made by the first call with `make`. `erase` of all of the chat erases
	 * them for good, and none are made for it afterwards. NOT_FOUND: none was made, it was erased, or there is no such chat. */
	enum store_rc (*load_chat_key)(struct store *store, const char *chat_id, bool make, unsigned char key[CHAT_KEY_BYTES], struct error *err);

	/* What one broker has to tell the others beside the log: "whom alice blocks has changed". Kept for an hour or so after at_ms (prune); one of a
	 * time more than STORE_NOTICE_AHEAD_HOURS ahead goes the next time. kind: at most NOTICE_KIND_MAX bytes; subject: at most NOTICE_SUBJECT_MAX, a
	 * user or chat ID, or a user ID, '/', a device. */
	enum store_rc (*put_notice)(struct store *store, const char *kind, const char *subject, int64_t at_ms, struct error *err);
	/* Those behind `after` (0: all that are kept; UINT64_MAX: none), oldest first. *next: what to give as `after` the next time; as with tail, a notice
	 * may come again. UINT64_MAX: *next is behind all that were put until now, at once, and what is put from now on comes. One block: store_free. */
	enum store_rc (*read_notices)(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
	                              struct error *err);

	/* ---- devices ----
	 *
	 * All of it may come from any number of threads at once, and may be repeated. */

	/* None, or no such user: an empty list. */
	enum store_rc (*list_devices)(struct store *store, const char *user_id, struct device_list **devices, struct error *err);

	/* For pushes; push_token "": none from now on. A token that another device had, whoever's, is this one's alone afterwards. A device that was never
	 * seen is made, seen at at_ms. NOT_FOUND: no such user. */
	enum store_rc (*put_registration)(struct store *store, const char *user_id, const char *device, const char *platform, const char *push_token,
	                                  int64_t at_ms, struct error *err);

	/* A token was issued for that device; the later end counts. It is made like above, and kept until expires_ms if it is not seen. NOT_FOUND: no
	 * such user. */
	enum store_rc (*put_device_token)(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
	                                  struct error *err);

	/* Later times win, devices that are not there are passed over, nothing else of a device changes. Not OK: some may be stored. */
	enum store_rc (*put_devices_seen)(struct store *store, const struct device_seen *seen, size_t seen_count, struct error *err);

	/* The device goes, with cursors, registration and subscriptions. NOT_FOUND: there is none. */
	enum store_rc (*remove_device)(struct store *store, const char *user_id, const char *device, struct error *err);

	/* Current members of the chat behind `after` ("" from the start, else the last one of the page before; the order is the store's own) whose marks and
	 * whose devices' cursors in this chat are all below number; fewer than count_max: there are no more. A chat that does not exist or has ended: an empty list. */
	enum store_rc (*list_push_targets)(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
	                                   struct push_target_list **targets, struct error *err);

	/* The later time counts. No such user need exist. Those of devices are forgotten by prune after STORE_DEVICE_TOKEN_DAYS, those of users never. */
	enum store_rc (*put_revocation)(struct store *store, const char *subject, int64_t at_ms, struct error *err);
	/* One that is later is of at_ms from now on: tokens that were issued behind that count again. An earlier one, and none, stays so. */
	enum store_rc (*lower_revocation)(struct store *store, const char *subject, int64_t at_ms, struct error *err);
	/* After that subject ("" from the start). */
	enum store_rc (*list_revocations)(struct store *store, const char *after, size_t count_max, struct revocation_list **revocations,
	                                  struct error *err);

	/* TAKEN: another one has that kid. The same bytes again: OK. */
	enum store_rc (*add_signing_key)(struct store *store, const struct signing_key *key, struct error *err);
	enum store_rc (*list_signing_keys)(struct store *store, struct signing_key_list **keys, struct error *err);
	/* What is not there is passed over. */
	enum store_rc (*drop_signing_key)(struct store *store, const char *kid, struct error *err);

	/* ---- what operators did ----
	 *
	 * Likewise. Forgotten by prune after STORE_AUDIT_DAYS. */

	/* The same record again is the same one. */
	enum store_rc (*put_audit)(struct store *store, const struct audit_record *record, struct error *err);
	/* The newest first; those behind `before`, which need not be there, NULL: from the newest on. Records of one millisecond have an order of
	 * their own. */
	enum store_rc (*list_audit)(struct store *store, const struct audit_record *before, size_t count_max, struct audit_list **list,
	                            struct error *err);

	/* ---- people ----
	 *
	 * All of it may come from any number of threads at once. What writes may be repeated with the same arguments, and comes to the same.
	 * NOT_FOUND of what writes: user_id does not exist (never logged in, or his account was deleted); nothing was stored. Lengths, and how
	 * many of what one person may have, are for the callers to bound. */

	/* As load_user, also for one who does not exist and is or was a member of some chat: created_at_ms is 0 then. NOT_FOUND: neither. */
	enum store_rc (*load_memberships)(struct store *store, const char *user_id, struct user_record **user, struct error *err);

	/* Those of them who exist, in the order in which they were asked for. None: an empty list. */
	enum store_rc (*load_profiles)(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
	                               struct error *err);
	enum store_rc (*put_profile)(struct store *store, const char *user_id, const struct profile_change *change, struct error *err);
	/* Later times win, users who do not exist are passed over. Not OK: some may be stored; it may be repeated. */
	enum store_rc (*put_last_seen)(struct store *store, const struct last_seen *seen, size_t seen_count, struct error *err);

	/* "": none from now on. One person has one, compared byte by byte. TAKEN: another one has it; his own stays as it was. */
	enum store_rc (*put_shared_id)(struct store *store, const char *user_id, const char *shared_id, struct error *err);
	/* Who has it. NOT_FOUND: nobody. */
	enum store_rc (*find_shared_id)(struct store *store, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err);

	/* hash: text without a colon that names these bytes and no others, so the first time counts. An icon that no profile and no chat names
	 * is forgotten by prune, a day after it saw that first; by delete_user at once. So name it first (put_profile) and store it then. */
	enum store_rc (*put_icon)(struct store *store, const char *hash, const void *bytes, size_t len, struct error *err);
	/* *bytes: store_free. NOT_FOUND: no such icon. */
	enum store_rc (*load_icon)(struct store *store, const char *hash, void **bytes, size_t *len, struct error *err);

	/* on: NOT_FOUND also when other_id does not exist. One who is there already stays in his place. */
	enum store_rc (*put_favorite)(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
	/* In the order of at_ms. None, or no such user: an empty list. One block: store_free. */
	enum store_rc (*load_favorites)(struct store *store, const char *user_id, const char *const **user_ids, size_t *count, struct error *err);

	/* on begins an interval at at_ms, off ends it there; where there is nothing to begin or end, nothing changes. at_ms may be before what
	 * is there (a clock that went back): the interval then begins where the last one ended, and one that would end before it began never
	 * was. A call whose at_ms is exactly where an interval began or ended is a repetition. other_id need not exist: who is blocked cannot
	 * find out by blocking. */
	enum store_rc (*put_block)(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
	/* None, or no such user: an empty list. */
	enum store_rc (*load_blocks)(struct store *store, const char *user_id, struct block_list **blocks, struct error *err);

	/* Whether from_id can reach every one of them now. OK: all exist, and none blocks from_id; with `both`: nor does from_id block one of them.
	 * NOT_FOUND: not so. It takes the same steps whatever the answer is. from_id itself is not looked up as a user. */
	enum store_rc (*check_reach)(struct store *store, const char *from_id, const char *const *to_ids, size_t to_count, bool both,
	                             struct error *err);

	/* An invitation by user_id for `uses` different people (0: it only keeps the hash from being put anew) before expires_ms. What is there under
	 * that hash stays as it is. TAKEN: it is another one's, or by now_ms over. One that is over, revoked or expired, stays as long as the account,
	 * so no repetition brings it to life; but who used it goes. */
	enum store_rc (*put_invitation)(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *user_id, int64_t now_ms,
	                                int64_t expires_ms, uint32_t uses, struct error *err);
	/* Who invited. Costs one use, but nothing for who has used it before. NOT_FOUND, and it costs nothing: no such invitation, expired, used up,
	 * by_user_id does not exist, or who invited blocks him now. */
	enum store_rc (*use_invitation)(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *by_user_id, int64_t now_ms,
	                                char user_id[USER_ID_MAX + 1], struct error *err);
	/* Ends one of his, or all (hash NULL). What is not his, or not there, is passed over. */
	enum store_rc (*revoke_invitation)(struct store *store, const char *user_id, const unsigned char *hash, struct error *err);

	/* The account ends: profile, shared ID, icon (unless somebody else names it), favorites (his, and him in others'), his blocks, invitations,
	 * devices, cursors and mutes go, and he is `erasing`. Others' blocks of him, and his chats, are not touched. His texts are in no file after
	 * the next checkpoint that returned OK. put_user makes a new, empty account of that ID afterwards, so an account that began after at_ms is
	 * left alone where one was deleted at at_ms or later. Devices and cursors that are put while he does not exist are passed over.
	 * OK also for one who is deleted already. NOT_FOUND: there never was an account. */
	enum store_rc (*delete_user)(struct store *store, const char *user_id, int64_t at_ms, struct error *err);
	/* Everybody whose account was ever deleted, at most count_max, by ID in the order of its bytes, after `after` ("" from the start). */
	enum store_rc (*list_deleted)(struct store *store, const char *after, size_t count_max, struct deleted_list **deleted, struct error *err);
	/* What he wrote is erased. NOT_FOUND: never deleted. */
	enum store_rc (*finish_deletion)(struct store *store, const char *user_id, struct error *err);

	/* ---- copying a whole store into another one (hyperchatctl copy) ----
	 *
	 * The lists may come from any thread. adopt and import_* are for one thread, and a store that nobody else uses meanwhile; each may be
	 * repeated. */

	/* Who exists, by ID in the order of its bytes, after `after` ("" from the start). One block: store_free. */
	enum store_rc (*list_users)(struct store *store, const char *after, size_t count_max, const char *const **user_ids, size_t *count,
	                            struct error *err);
	/* His invitations by their hashes, those that are over too: expires_ms 0 once they were revoked or pruned. None, or no such user: an empty
	 * list. */
	enum store_rc (*list_invitations)(struct store *store, const char *user_id, struct invitation_list **invitations, struct error *err);
	/* The names that put_place was called with, in the order of their bytes. One block: store_free. */
	enum store_rc (*list_places)(struct store *store, const char *const **names, size_t *count, struct error *err);

	/* This store becomes that one: epoch and secret, and its own name as a writer where the store itself keeps one. */
	enum store_rc (*adopt)(struct store *store, const struct store_info *info, struct error *err);

	/* As append, but of what another store has: bodies and quotes may be erased, keys are not looked for (but found from then on), and nothing
	 * of the projections changes but latest, its head and its time. Each append's transactions are of one writer; for each writer the positions
	 * that they get here ascend in the order in which they come. CONFLICT: another transaction has that number, or the head does not follow.
	 * Between this and import_chat such a chat may be UNAVAILABLE to readers; only its latest number and tail are not. */
	enum store_rc (*import_log)(struct store *store, struct append *appends, size_t append_count, struct error *err);
	/* The projections of a chat whose log was imported up to chat->latest, all at once: members with their times and marks (mutes are ended),
	 * pair, history, end, name, icon. A chat that has ended counts as not erased. key: of load_chat_key, NULL: stays as it is. NOT_FOUND: the log
	 * is not there. */
	enum store_rc (*import_chat)(struct store *store, const struct chat_record *chat, const unsigned char *key, struct error *err);
};

/* How many transactions of a chat are looked through for a KEY_ONCE whatever their times. */
#define STORE_ONCE_COUNT 1000
/* How long a key is remembered, at least, and how long a device. */
#define STORE_KEY_DAYS    7
#define STORE_DEVICE_DAYS 90
#define STORE_ICON_DAYS   1 /* one that nobody names */
/* The longest life of a device token. */
#define STORE_DEVICE_TOKEN_DAYS 400
/* How long it is known what an operator did. */
#define STORE_AUDIT_DAYS 400
/* How long a notice is kept. */
#define STORE_NOTICE_MINUTES 60
/* No notice is of a later time than that. Those of bans were once, of the year 9998: a store may hold them for good. */
#define STORE_NOTICE_AHEAD_HOURS 24

/* Opens by URI: "sqlite:/var/lib/…/chat.db", "memory:". The scheme picks the backend; an unknown one is STORE_REFUSED. */
enum store_rc store_open(const char *uri, struct store **store, struct error *err);
enum store_rc store_open_with(const char *uri, unsigned flags, struct store **store, struct error *err);
/* Whether that URI's backend is a shared one (see store_ops). */
bool store_is_shared(const char *uri);
static inline const struct store_ops *store_ops(const struct store *store)
{
	return *(const struct store_ops *const *)store;
}

void store_free(void *record);            /* every record and list that was given, an icon; NULL is fine */
void store_page_free(struct page *page);  /* drops the references; a zeroed page is fine */

#endif
