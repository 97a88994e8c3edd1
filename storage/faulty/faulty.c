/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The store that goes wrong on purpose. Every operation asks faulty_before() whether it may reach the store below and passes faulty_after()
 * on its way back; only append has more to say, since it answers per chat. The lock is never held while calling below. Any thread. */
#include "storage/faulty/faulty.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/faulty/pass.h"

struct faulty_store {
	const struct store_ops *ops;
	struct store *below;
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t change;
	struct fault fault;
	bool armed, struck;
	uint64_t armed_calls; /* calls that counted since the fault was armed */
	uint64_t calls[FAULTY_OP_COUNT];
	unsigned hanging;
	uint64_t releases;
};

static const struct store_ops faulty_ops;

struct store *faulty_below(struct store *store)
{
	return ((struct faulty_store *)store)->below;
}

/* ---- the fault ---- */

static struct strike next_strike(struct faulty_store *self, enum faulty_op op)
{
	pthread_mutex_lock(&self->lock);
	self->calls[FAULTY_ANY]++;
	self->calls[op]++;
	struct strike strike = {.fault = self->fault};
	if (self->armed && (self->fault.op == FAULTY_ANY || self->fault.op == op)) {
		uint64_t call = ++self->armed_calls, last = self->fault.call + (self->fault.count > 0 ? self->fault.count - 1 : 0);
		strike.hits = call >= self->fault.call && call <= last;
		self->struck = self->struck || strike.hits;
	}
	pthread_mutex_unlock(&self->lock);
	return strike;
}

static void hang(struct faulty_store *self)
{
	pthread_mutex_lock(&self->lock);
	uint64_t releases = self->releases;
	self->hanging++;
	pthread_cond_broadcast(&self->change);
	while (self->releases == releases)
		pthread_cond_wait(&self->change, &self->lock);
	self->hanging--;
	pthread_cond_broadcast(&self->change);
	pthread_mutex_unlock(&self->lock);
}

static void delay(unsigned ms)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	while (nanosleep(&left, &left) != 0)
		;
}

enum store_rc faulty_before(struct store *store, enum faulty_op op, bool reads, struct strike *strike, struct error *err)
{
	*strike = next_strike((struct faulty_store *)store, op);
	if (!strike->hits)
		return STORE_OK;
	switch (strike->fault.action) {
	case FAULTY_FAIL:
		return error_set(err, STORE_UNAVAILABLE, 0, "injected failure");
	case FAULTY_LOSE_REQUEST:
		return error_set(err, reads ? STORE_UNAVAILABLE : STORE_UNKNOWN, 0, "injected loss of the request");
	case FAULTY_LOSE_ANSWER:
		return reads ? (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "injected loss of the answer") : STORE_OK;
	case FAULTY_HANG:
		hang((struct faulty_store *)store);
		return STORE_OK;
	case FAULTY_CONFLICT:
	case FAULTY_LATE:
		break;
	}
	return STORE_OK;
}

enum store_rc faulty_after(const struct strike *strike, bool reads, enum store_rc rc, struct error *err)
{
	if (strike->hits && strike->fault.action == FAULTY_LATE)
		delay(strike->fault.delay_ms);
	if (strike->hits && strike->fault.action == FAULTY_LOSE_ANSWER && !reads)
		return error_set(err, STORE_UNKNOWN, 0, "injected loss of the answer");
	return rc;
}

/* ---- append, import_log ---- */

static void set_results(struct append *appends, size_t append_count, enum append_result result)
{
	for (size_t i = 0; i < append_count; i++) {
		appends[i].result = result;
		appends[i].duplicate_index = 0;
		appends[i].duplicate_number = 0;
		appends[i].last_position = 0;
	}
}

/* Passes on the appends of the chats that are not concerned, and brings their results back to where they belong. */
static enum store_rc append_others(struct store *store, struct append *appends, size_t append_count, const char *chat_id, struct error *err)
{
	struct append *others = mem_new(append_count * sizeof *others);
	size_t count = 0;
	for (size_t i = 0; i < append_count; i++)
		if (chat_id != NULL && strcmp(chat_id, appends[i].chat_id) != 0)
			others[count++] = appends[i];
	set_results(appends, append_count, APPEND_CONFLICT);
	enum store_rc rc = count > 0 ? below(store)->append(inner(store), others, count, err) : STORE_OK;
	if (rc != STORE_OK)
		set_results(appends, append_count, rc == STORE_UNKNOWN ? APPEND_UNKNOWN : APPEND_NOTHING_ADDED);
	for (size_t i = 0, next = 0; i < append_count && next < count; i++)
		if (others[next].chat_id == appends[i].chat_id)
			appends[i] = others[next++];
	free(others);
	return rc;
}

static enum store_rc faulty_append(struct store *store, struct append *appends, size_t append_count, struct error *err)
{
	struct strike strike;
	enum store_rc rc = faulty_before(store, FAULTY_APPEND, false, &strike, err);
	if (rc != STORE_OK) {
		set_results(appends, append_count, rc == STORE_UNKNOWN ? APPEND_UNKNOWN : APPEND_NOTHING_ADDED);
		return rc;
	}
	if (strike.hits && strike.fault.action == FAULTY_CONFLICT)
		return append_others(store, appends, append_count, strike.fault.chat_id, err);
	rc = faulty_after(&strike, false, below(store)->append(inner(store), appends, append_count, err), err);
	if (strike.hits && strike.fault.action == FAULTY_LOSE_ANSWER)
		set_results(appends, append_count, APPEND_UNKNOWN);
	return rc;
}

static enum store_rc faulty_import_log(struct store *store, struct append *appends, size_t append_count, struct error *err)
{
	struct strike strike;
	enum store_rc rc = faulty_before(store, FAULTY_IMPORT_LOG, false, &strike, err);
	if (rc != STORE_OK) {
		set_results(appends, append_count, rc == STORE_UNKNOWN ? APPEND_UNKNOWN : APPEND_NOTHING_ADDED);
		return rc;
	}
	rc = faulty_after(&strike, false, below(store)->import_log(inner(store), appends, append_count, err), err);
	if (strike.hits && strike.fault.action == FAULTY_LOSE_ANSWER)
		set_results(appends, append_count, APPEND_UNKNOWN);
	return rc;
}

/* ---- the others ---- */

static enum store_rc faulty_info(struct store *store, struct store_info *info, struct error *err)
{
	PASS(FAULTY_INFO, true, below(store)->info(inner(store), info, err));
}

static enum store_rc faulty_load_chat(struct store *store, const char *chat_id, struct chat_record **chat, struct error *err)
{
	PASS(FAULTY_LOAD_CHAT, true, below(store)->load_chat(inner(store), chat_id, chat, err));
}

static enum store_rc faulty_load_user(struct store *store, const char *user_id, struct user_record **user, struct error *err)
{
	PASS(FAULTY_LOAD_USER, true, below(store)->load_user(inner(store), user_id, user, err));
}

static enum store_rc faulty_load_membership(struct store *store, const char *user_id, const char *chat_id, struct user_chat **membership,
                                            struct error *err)
{
	PASS(FAULTY_LOAD_MEMBERSHIP, true, below(store)->load_membership(inner(store), user_id, chat_id, membership, err));
}

static enum store_rc faulty_list_memberships(struct store *store, const char *user_id, const struct chat_window *window,
                                             struct user_record **record, bool *more, struct error *err)
{
	PASS(FAULTY_LIST_MEMBERSHIPS, true, below(store)->list_memberships(inner(store), user_id, window, record, more, err));
}

static enum store_rc faulty_find_key(struct store *store, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                                     uint64_t *number, unsigned char key_hash[ID_BYTES], struct error *err)
{
	PASS(FAULTY_FIND_KEY, true, below(store)->find_key(inner(store), chat_id, sender_id, key, since_ms, number, key_hash, err));
}

static enum store_rc faulty_read_message(struct store *store, const char *chat_id, uint64_t number, struct message_state *state,
                                         struct error *err)
{
	PASS(FAULTY_READ_MESSAGE, true, below(store)->read_message(inner(store), chat_id, number, state, err));
}

static enum store_rc faulty_read_edits(struct store *store, const struct user_chat *membership, const struct block *blocks, size_t block_count,
                                       const uint64_t *numbers, size_t number_count, struct transaction **edits, struct error *err)
{
	PASS(FAULTY_READ_EDITS, true, below(store)->read_edits(inner(store), membership, blocks, block_count, numbers, number_count, edits, err));
}

static enum store_rc faulty_read_page(struct store *store, const char *chat_id, uint64_t from, uint64_t to, const struct page_limits *limits,
                                      struct page *page, struct error *err)
{
	PASS(FAULTY_READ_PAGE, true, below(store)->read_page(inner(store), chat_id, from, to, limits, page, err));
}

static enum store_rc faulty_read_summary(struct store *store, const char *user_id, const struct user_chat *membership,
                                         const struct block *blocks, size_t block_count, const char *mention, struct chat_summary *summary,
                                         struct error *err)
{
	PASS(FAULTY_READ_SUMMARY, true,
		below(store)->read_summary(inner(store), user_id, membership, blocks, block_count, mention, summary, err));
}

static enum store_rc faulty_tail(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page,
                                 uint64_t *next, struct error *err)
{
	PASS(FAULTY_TAIL, true, below(store)->tail(inner(store), writer, position, count_max, page, next, err));
}

static enum store_rc faulty_list_chats(struct store *store, const char *after_id, size_t count_max, const char *const **chat_ids, size_t *count,
                                       struct error *err)
{
	PASS(FAULTY_LIST_CHATS, true, below(store)->list_chats(inner(store), after_id, count_max, chat_ids, count, err));
}

static enum store_rc faulty_list_ended(struct store *store, int64_t ended_before_ms, size_t count_max, const char *const **chat_ids,
                                       size_t *count, struct error *err)
{
	PASS(FAULTY_LIST_ENDED, true, below(store)->list_ended(inner(store), ended_before_ms, count_max, chat_ids, count, err));
}

static enum store_rc faulty_put_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err)
{
	PASS(FAULTY_PUT_USER, false, below(store)->put_user(inner(store), user_id, at_ms, err));
}

static enum store_rc faulty_put_receipts(struct store *store, const struct receipt *receipts, size_t receipt_count, struct error *err)
{
	PASS(FAULTY_PUT_RECEIPTS, false, below(store)->put_receipts(inner(store), receipts, receipt_count, err));
}

static enum store_rc faulty_put_mute(struct store *store, const char *user_id, const char *chat_id, int64_t until_ms, struct error *err)
{
	PASS(FAULTY_PUT_MUTE, false, below(store)->put_mute(inner(store), user_id, chat_id, until_ms, err));
}

static enum store_rc faulty_load_device(struct store *store, const char *user_id, const char *device, struct device_record **record,
                                        struct error *err)
{
	PASS(FAULTY_LOAD_DEVICE, true, below(store)->load_device(inner(store), user_id, device, record, err));
}

static enum store_rc faulty_put_device(struct store *store, const char *user_id, const char *device, int64_t seen_at_ms,
                                       const char *subscriptions, uint32_t max_bytes, struct error *err)
{
	PASS(FAULTY_PUT_DEVICE, false, below(store)->put_device(inner(store), user_id, device, seen_at_ms, subscriptions, max_bytes, err));
}

static enum store_rc faulty_put_cursors(struct store *store, const struct cursor *cursors, size_t cursor_count, struct error *err)
{
	PASS(FAULTY_PUT_CURSORS, false, below(store)->put_cursors(inner(store), cursors, cursor_count, err));
}

/* An answer that is lost leaves *more alone, so these two ask below with a flag of their own. */
static enum store_rc faulty_erase(struct store *store, const char *chat_id, const char *sender_id, bool *more, struct error *err)
{
	struct strike strike;
	bool more_below = false;
	enum store_rc rc = faulty_before(store, FAULTY_ERASE, false, &strike, err);
	if (rc == STORE_OK)
		rc = faulty_after(&strike, false, below(store)->erase(inner(store), chat_id, sender_id, &more_below, err), err);
	if (rc == STORE_OK)
		*more = more_below;
	return rc;
}

static enum store_rc faulty_prune(struct store *store, int64_t now_ms, bool *more, struct error *err)
{
	struct strike strike;
	bool more_below = false;
	enum store_rc rc = faulty_before(store, FAULTY_PRUNE, false, &strike, err);
	if (rc == STORE_OK)
		rc = faulty_after(&strike, false, below(store)->prune(inner(store), now_ms, &more_below, err), err);
	if (rc == STORE_OK)
		*more = more_below;
	return rc;
}

static enum store_rc checkpoint_below(struct store *store, struct error *err)
{
	return below(store)->checkpoint ? below(store)->checkpoint(inner(store), err) : STORE_OK;
}

static enum store_rc faulty_checkpoint(struct store *store, struct error *err)
{
	PASS(FAULTY_CHECKPOINT, true, checkpoint_below(store, err));
}

static enum store_rc faulty_verify(struct store *store, struct error *err)
{
	PASS(FAULTY_VERIFY, true, below(store)->verify(inner(store), err));
}

static enum store_rc faulty_open(const char *uri, unsigned flags, struct store **store, struct error *err)
{
	(void)uri;
	(void)flags;
	(void)store;
	return error_set(err, STORE_REFUSED, 0, "a faulty store is made around another one");
}

static void faulty_close(struct store *store)
{
	struct faulty_store *self = (struct faulty_store *)store;
	if (self == NULL)
		return;
	store_ops(self->below)->close(self->below);
	pthread_cond_destroy(&self->change);
	pthread_mutex_destroy(&self->lock);
	free(self);
}

/* ---- for tests ---- */

struct store *store_faulty_new(struct store *store)
{
	struct faulty_store *self = mem_zero(sizeof *self);
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	self->ops = &faulty_ops;
	self->below = store;
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->change, &clock);
	pthread_condattr_destroy(&clock);
	return (struct store *)self;
}

static struct faulty_store *lock(struct store *store)
{
	assert(store_ops(store) == &faulty_ops);
	struct faulty_store *self = (struct faulty_store *)store;
	pthread_mutex_lock(&self->lock);
	return self;
}

void store_faulty_arm(struct store *store, const struct fault *fault)
{
	struct faulty_store *self = lock(store);
	self->fault = *fault;
	self->armed = true;
	self->struck = false;
	self->armed_calls = 0;
	pthread_mutex_unlock(&self->lock);
}

void store_faulty_disarm(struct store *store)
{
	struct faulty_store *self = lock(store);
	self->armed = false;
	pthread_mutex_unlock(&self->lock);
}

bool store_faulty_has_struck(struct store *store)
{
	struct faulty_store *self = lock(store);
	bool struck = self->struck;
	pthread_mutex_unlock(&self->lock);
	return struck;
}

uint64_t store_faulty_calls(struct store *store, enum faulty_op op)
{
	struct faulty_store *self = lock(store);
	uint64_t calls = self->calls[op];
	pthread_mutex_unlock(&self->lock);
	return calls;
}

unsigned store_faulty_release(struct store *store)
{
	struct faulty_store *self = lock(store);
	unsigned hanging = self->hanging;
	self->releases++;
	pthread_cond_broadcast(&self->change);
	pthread_mutex_unlock(&self->lock);
	return hanging;
}

bool store_faulty_wait_hanging(struct store *store, unsigned count, unsigned timeout_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	struct faulty_store *self = lock(store);
	int problem = 0;
	while (self->hanging < count && problem == 0)
		problem = pthread_cond_timedwait(&self->change, &self->lock, &until);
	bool enough = self->hanging >= count;
	pthread_mutex_unlock(&self->lock);
	return enough;
}

static const struct store_ops faulty_ops = {
	.name = "faulty",
	.open = faulty_open,
	.close = faulty_close,
	.info = faulty_info,
	.append = faulty_append,
	.load_chat = faulty_load_chat,
	.load_user = faulty_load_user,
	.load_membership = faulty_load_membership,
	.list_memberships = faulty_list_memberships,
	.find_key = faulty_find_key,
	.read_message = faulty_read_message,
	.read_edits = faulty_read_edits,
	.read_page = faulty_read_page,
	.read_summary = faulty_read_summary,
	.tail = faulty_tail,
	.list_chats = faulty_list_chats,
	.list_ended = faulty_list_ended,
	.erase = faulty_erase,
	.put_user = faulty_put_user,
	.put_receipts = faulty_put_receipts,
	.put_mute = faulty_put_mute,
	.load_device = faulty_load_device,
	.put_device = faulty_put_device,
	.put_cursors = faulty_put_cursors,
	.prune = faulty_prune,
	.checkpoint = faulty_checkpoint,
	.verify = faulty_verify,

	.list_writers = faulty_list_writers,
	.put_place = faulty_put_place,
	.load_place = faulty_load_place,
	.take_lease = faulty_take_lease,
	.load_chat_key = faulty_load_chat_key,
	.put_notice = faulty_put_notice,
	.read_notices = faulty_read_notices,

	.list_devices = faulty_list_devices,
	.put_registration = faulty_put_registration,
	.put_device_token = faulty_put_device_token,
	.put_devices_seen = faulty_put_devices_seen,
	.remove_device = faulty_remove_device,
	.list_push_targets = faulty_list_push_targets,
	.put_revocation = faulty_put_revocation,
	.lower_revocation = faulty_lower_revocation,
	.list_revocations = faulty_list_revocations,
	.add_signing_key = faulty_add_signing_key,
	.list_signing_keys = faulty_list_signing_keys,
	.drop_signing_key = faulty_drop_signing_key,

	.put_audit = faulty_put_audit,
	.list_audit = faulty_list_audit,

	.load_memberships = faulty_load_memberships,
	.load_profiles = faulty_load_profiles,
	.put_profile = faulty_put_profile,
	.put_last_seen = faulty_put_last_seen,
	.put_shared_id = faulty_put_shared_id,
	.find_shared_id = faulty_find_shared_id,
	.put_icon = faulty_put_icon,
	.load_icon = faulty_load_icon,
	.put_favorite = faulty_put_favorite,
	.load_favorites = faulty_load_favorites,
	.put_block = faulty_put_block,
	.load_blocks = faulty_load_blocks,
	.check_reach = faulty_check_reach,
	.put_invitation = faulty_put_invitation,
	.use_invitation = faulty_use_invitation,
	.revoke_invitation = faulty_revoke_invitation,
	.delete_user = faulty_delete_user,
	.list_deleted = faulty_list_deleted,
	.finish_deletion = faulty_finish_deletion,

	.list_users = faulty_list_users,
	.list_invitations = faulty_list_invitations,
	.list_places = faulty_list_places,
	.adopt = faulty_adopt,
	.import_log = faulty_import_log,
	.import_chat = faulty_import_chat,
};
