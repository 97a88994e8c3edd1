/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_FEED_H
#define HC_BROKER_FEED_H
/* What a connection is due of its user's chats: first what it missed, then live, in order per chat and without a gap.
 *
 * A track is one chat of one connection: `handed` is the last number given to the broker for it. A new transaction is handed over at once
 * if it is the next one and the client keeps up; else the track only learns that there is more (`latest`), and replay.c reads it
 * from the store. So there is one rule for a device that was offline, one that is slow, and one that lives in a busy chat, and nothing is
 * ever buffered without bound.
 *
 * A chat that has no track is complete, as of what the core has shown of it. Lines of one tick leave together. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

#include "base/small_hash.h"
#include "storage/store.h"

struct server;
struct session;
struct chat;

/* A transaction as it is shown, rendered once for all its receivers. */
struct line {
	unsigned references;
	uint32_t len;
	uint64_t number;
	bool hint; /* only that there is something new: a later one takes its place */
	char chat_id[CHAT_ID_MAX + 1];
	char text[];
};

struct track {
	char *chat_id;
	uint64_t handed; /* up to here it was given to the broker */
	uint64_t queued; /* up to here it is read from the store, and in parcels */
	uint64_t latest; /* up to here there is something */
	/* Up to here the inbox, or the texts, were given to the broker before `handed` went back for the other one. */
	uint64_t inbox_has, text_has;
	/* the cursor's: numbers that are older than the connection can hide a loss */
	uint64_t safe, mid, stored;
	int64_t mid_at_ms;
	uint64_t mid_packets; /* feed_packets() then */
	int64_t again_at_ms;  /* what is next of it could not be read, and is not tried before; 0: it could */
	uint32_t again_in_ms; /* for so long that was left alone */
	bool placed;   /* the store has a cursor: without one, the user's received mark would count */
	bool reading;  /* something above `queued` is being read for it: what is committed meanwhile comes behind that, by replay.c */
	bool unplaced; /* where it begins is being looked up (place.c): all else but `latest` is not known yet */
	UT_hash_handle hh;
};

/* Where a parcel ends in each chat that it has something of. */
struct mark {
	char *chat_id;
	uint64_t number;
};

/* One message that replay has prepared. */
struct parcel {
	char *topic; /* below hc/me/ */
	char *payload;
	size_t len;
	struct mark *marks; /* what is handed over with it; a text's parcel has none, but for the last of a range */
	size_t mark_count;
	struct parcel *next;
};

struct feed {
	uint64_t id;           /* never reused: tells a job's feed from a later one of the same session */
	uint64_t generation;   /* the same of what is read to be sent: another one where that is void. The first is the ID */
	struct track *tracks;  /* hashed by chat ID */
	struct line **lines;   /* for the next inbox message */
	struct parcel *parcels;
	uint32_t line_count, line_size, line_bytes, parcel_count;
	bool loading, loaded; /* where it starts is asked for; is known */
	bool reading;         /* a job of replay.c is under way */
	int64_t again_at_ms;  /* a chat that could not be read is tried again; 0: there is none */
	/* pacing: what was handed over since the socket was last seen drained */
	int socket;
	int64_t received_at_start;           /* bytes from the client before the first packet with QoS 1; -1: not known */
	uint64_t sent_qos1;                  /* packets with QoS 1 since */
	uint32_t sent_packets;
	uint32_t live_packets, event_packets; /* beside the window */
	size_t sent_bytes;
	int64_t sent_at_ms, last_sent_at_ms; /* the window's first, and the last ever */
	uint64_t sent_round;                 /* of that last one: by the next round the broker has taken it up */
	uint64_t lines_round;                /* the same of the last one with lines or a text */
	int64_t held_until_ms;               /* no line and no text goes out before: somebody is about to take over the connection */
	int64_t check_at_ms, pause_ms;       /* while the peer takes nothing, it is looked at ever more rarely */
	int64_t arrived_at_ms;               /* what was handed over before this has reached the peer's TCP */
};

/* The session subscribed to its inbox or text. */
void feed_begin(struct server *server, struct session *session);
/* It does not want them any more, or is gone. cursor_leave comes first. */
void feed_end(struct session *session);

/* Whether it is known where it starts, and what is void for its reader. Until then nothing goes out. */
bool feed_knows(const struct session *session);

/* A transaction of one of the user's chats is committed. line: shared, a reference is taken where it is kept. */
void feed_commit(struct server *server, struct session *session, const struct transaction *tx, struct line *line);

/* The same for who may not see it: a line that says void, or nothing, if that does not fit. */
void feed_commit_void(struct server *server, struct session *session, const struct transaction *tx, struct line *line);

/* The same for what only the store can tell how it is to be shown: replay.c brings it. */
void feed_commit_later(struct server *server, struct session *session, const struct transaction *tx);

/* The same in a large group, where the inbox says only what the latest number is. line: a hint, shared. */
void feed_hint(struct server *server, struct session *session, struct line *line);

/* The longest payload that the client takes is another one: inbox messages that were made for the old one, and are not out yet, are made anew
 * from the store. Texts are cut when they go out. */
void feed_bound_changed(struct server *server, struct session *session);

/* The session subscribed to its inbox, to more texts, or both, beside what it has of its feed. A device gets there as well what it missed: all goes back
 * to where that has surely arrived, and what the other one has is passed over. */
void feed_widened(struct server *server, struct session *session, bool inbox, bool text);

/* Sends what is due and may go out now. At the end of each tick. */
void feed_flush(struct server *server, struct session *session);

/* Whether a chat that is complete up to there needs no track. It does while the core is behind the store, from which a connection may have
 * more: else what the core shows next would come twice. */
bool feed_may_forget(struct server *server, const char *chat_id, uint64_t handed);

/* There is more of a chat than was handed over. Makes the track if needed, starting after `handed`. */
struct track *feed_track(struct feed *feed, const char *chat_id, uint64_t handed);
struct track *feed_find(struct feed *feed, const char *chat_id);
void parcel_free(struct parcel *parcel);

struct line *line_new(const char *chat_id, uint64_t number, const char *text, size_t len);
struct line *line_new_hint(const char *chat_id, uint64_t number);
void line_drop(struct line *line);

/* Something that is worth sending only now, and only to who keeps up: false where it would push transactions out of the broker's queue. */
bool feed_allows_live(struct server *server, struct session *session, size_t len);

/* A line of a chat's events is about to be queued by the broker: false where so many of them wait in its queue that inbox messages would find no place
 * there. qos: what the session has subscribed all of its events with, at the least. */
bool feed_allows_events(struct server *server, struct session *session, int qos);

/* An ack or an answer goes out beside the lines, at once. It takes its part of the window, so that lines wait until it has left. */
void feed_goes_beside(struct server *server, struct session *session, size_t len, int qos);

/* What was handed over before this time has reached the peer's TCP; it can still have been lost behind that. */
int64_t feed_arrived_ms(const struct server *server, struct feed *feed);

/* So many packets with QoS 1 there are until all that was handed over is out, on this connection. */
uint64_t feed_packets(const struct session *session);
/* So many of them it can have acknowledged, at the most; UINT64_MAX: not known. Those behind may still be with the broker. */
uint64_t feed_acknowledged_max(const struct feed *feed);

/* How long a client may be gone before the broker notices: 1.5 × keepalive. */
int64_t feed_trail_ms(const struct session *session);

#endif
