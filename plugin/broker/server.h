/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_SERVER_H
#define HC_BROKER_SERVER_H
/* All that the plugin holds while the broker runs, and the clock of the current callback. Everything here is the broker thread's; what
 * workers share is made for it (store, lanes, readers, mailbox). The files of this folder are the functions on it:
 *
 *   server.c    opens and closes everything in order            session.c   who is connected
 *   access.c    may they publish, subscribe, be delivered to     feed.c      what a connection is due, live
 *   intake.c    what clients publish                             replay.c    what a connection missed
 *   ports.c     the core's requests, as jobs                     ports_read.c  … what it asks the store
 *   cursor.c    how far a device has what                        witness.c   what the journal knows of the store
 *   answer.c    acks and RPC answers                             live.c      typing, receipts, warnings
 *   device.c    what the store keeps of users and devices        client.c    what the host knows of a client
 *   publish.c   the way out through the broker                   jobs.c      jobs behind others, and again
 *   blocks.c    whom people block                            presence.c  who is there, for those who watch
 *   underway.c  lines not taken up yet, and who comes meanwhile  replay_start.c  where it begins
 *   upkeep.c    checkpoints, pruning                         writes.c    RPC that stores something of a person's
 *   budget.c    what one user may cost                       ended.c     groups that ended long ago
 *   erasure.c   erased texts leave all files                 account.c   accounts that were deleted
 *   newcomers.c people who are to be added to a group        opening.c   the store is opened
 *   cluster.c   what other brokers write                     place.c     … where connections stand in it
 *   mirroring.c transactions go to Kafka                     login.c     tokens, as passwords and by AUTH
 *   naming.c    a name for who comes first                   signon.c    from options to issuers
 *   token.c     what a token is worth                        device_keys.c  the chat's own keys, for device tokens
 *   signing.c   … as the store has them                      revocations.c  tokens that were revoked
 *   revoke.c    … while people are connected by them         removal.c   devices that were removed
 *   notices.c   what hyperchatctl tells                      doorman.c   whose token is looked at
 *   gate.c      … by what came from where                    certificate.c  who has a certificate instead
 *   metrics.c   what administrators see                      activity.c  receipts and presence go to Kafka
 *   control.c   what operators ask for                       control_….c  … one file per area
 *   watching.c  what changes while it is read who may be watched
 *   parting.c   who shares no chat any more                  events.c    a chat's transactions by the broker's own fan-out
 *   seen.c      when people and devices were here last       room.c      for new devices
 *   cursor_put.c  how far a device has what, on its way to the store
 */

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/timer.h"
#include "base/worker.h"
#include "plugin/auth/issuers.h"
#include "plugin/broker/counters.h"
#include "plugin/broker/doorbell.h"
#include "plugin/broker/erasure.h"
#include "plugin/broker/events_line.h"
#include "plugin/broker/hostconf_read.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/session.h"
#include "plugin/chat/core.h"
#include "plugin/conf/conf.h"
#include "plugin/rpc/rpc.h"
#include "plugin/transfer/bodies.h"
#include "plugin/transfer/journal.h"
#include "plugin/transfer/lane.h"
#include "plugin/transfer/mirror.h"
#include "plugin/transfer/push.h"

struct activity;
struct opened;

struct broker_version {
	int major, minor, revision;
};

struct server {
	struct broker_version version;
	struct conf conf;

	struct issuers *issuers; /* whose tokens are believed */
	struct doorman *doorman; /* whose are looked at */
	struct hostconf_settings host; /* the broker's own configuration, as it was at the start */
	const struct mosquitto *leaving; /* who has just gone, until the next tick */
	const struct mosquitto *certificate_refused; /* whose certificate the log has named last */

	/* chats and what they need; core, store, lanes, readers and upkeep are NULL until the store is open */
	struct opening *opening; /* under way */
	struct store *store;
	struct rpc_world world;
	struct mailbox *mailbox;
	struct lanes *lanes;
	struct workers *readers;
	struct workers *upkeep; /* one thread for checkpoints */
	struct mirror *mirror;  /* NULL: no Kafka */
	struct bodies *bodies;  /* the mirror's */
	struct mirror *pushes;  /* NULL: none are made */
	struct push *push;      /* that mirror's */
	struct here *here;      /* who is connected, for its thread */
	struct activity *activity; /* NULL: it is not told */
	struct timer *timer;    /* rings when the loop would sleep too long */
	struct later *later[JOB_QUEUES]; /* jobs that are to be run again */
	int64_t corrupt_said_ms; /* that such a job found the store damaged; 0: never */
	int64_t replay_again_ms; /* when a chat that could not be read is tried again for some feed; 0: there is none */
	int64_t gave_up_said_ms; /* that something was not tried again */
	struct tail *tail;      /* NULL: the store is this broker's alone */
	bool closing, upkeep_busy, ended_busy;
	bool ending;  /* so do all sessions, with the broker: nobody comes back, and no client is to be asked any more */
	struct journal *journal;
	struct erasure erasure;
	struct core *core;
	struct doorbell *doorbell;

	/* connections */
	struct session *by_client;  /* hashed by struct mosquitto * */
	struct session *by_id;      /* hashed by session id */
	struct session *by_name;    /* hashed by client ID: the connection that the broker delivers to */
	struct person *persons;     /* hashed by user ID: who is connected */
	struct session *due;        /* sessions with something to send this tick, in the order of their turns */
	uint64_t last_session_id;
	struct origin *origins;     /* who waits for an answer */
	struct writer *writers;     /* hashed by user ID: whose RPC_WRITE requests are under way */
	struct put *puts;           /* hashed: what is being stored of users and devices */
	struct account *accounts;   /* hashed by user ID: who deleted his account */
	struct revocations *revocations; /* whose tokens count no more; NULL until the store is open */
	int64_t revocations_due_ms;      /* when they are read again */
	bool revocations_reading, revocations_failing; /* failing: the log has said so */
	struct device_keys *device_keys; /* of device tokens; NULL until the store is open */
	struct control_request *controls; /* what operators asked for, under way */
	struct control_call *drains; /* who waits until the broker is drained */
	uint64_t control_count;      /* commands of the core's that operators brought about */
	bool draining;               /* no logins and commands are taken in */
	struct notices *notices;    /* NULL: there is a tail, which reads them */
	struct closing *closings;   /* whose chats and texts follow at the moment */
	struct shown *shown;        /* hashed by user ID: who is watched */
	struct shown *shown_due;    /* whose watchers are to be told something */
	struct asking *askings;     /* calls of watchPresence that are being read */
	uint64_t last_asking, last_leaving;
	struct parting *partings;   /* hashed by user ID: who left a chat, and may share none any more with those who see him, or whom he sees */
	struct block_load *block_loads; /* whose blocks are being read, because another broker changed them */
	struct showing *showings;   /* whose profile is being read, because another broker changed it */
	struct leaver *leavers;     /* hashed by user ID, in their order: who has no connection any more, and is not told to be gone yet */
	struct unstored *unstored;  /* hashed by user ID: whose last time here is still to be stored */
	int64_t seen_next_ms, gone_next_ms;
	bool seen_busy; /* it is being stored of some */
	struct underway *underway;  /* hashed by client ID: who has gone since the last tick */
	struct reserved *reserved;  /* likewise: what is kept free for a moment */
	struct parked *parked;      /* what devices had unacknowledged when they went, until they come back */

	/* time, read at the start of each callback */
	int64_t now_ms;  /* monotonic */
	int64_t wall_ms;
	int64_t swept_at_ms, pruned_at_ms, checkpointed_at_ms, persons_at_ms;

	struct buf scratch; /* for what is made and copied on inside one function: a record for the journal, a line */

	bool reloading;   /* between RELOAD and the next tick: BASIC_AUTH is hardly ever a login */
	uint64_t round;   /* counts ticks */
	uint64_t handed_over; /* messages given to the broker since the last tick */
	struct session *cursors_at; /* whose cursors are looked at next; NULL: all were */
	unsigned cursors_busy; /* jobs under way */
	struct cursor_put *left[LANES_MAX]; /* of who has gone since the last tick, by lane */
	bool receipts_failing; /* a store that is slow or down gets no more of these */
	unsigned refused[KEPT_COUNT]; /* jobs of each kind that the store refuses at the moment */
	bool published;   /* something was handed to the broker since the last tick */
	bool appended;     /* something was committed since the last checkpoint */
	bool checkpoint_warned; /* the log has said that checkpoints fail */
	bool store_warned, writes_warned; /* the log has said that the store takes nothing */
	bool witness_failing;
	const struct command *deciding; /* the command that a client's packet has just brought, and what came of it at once */
	bool deciding_refused;
	struct receipt_due *receipts_due; /* to be announced */
	int64_t receipts_due_at_ms;
	struct events_line events_line; /* the last one that the broker asked about */
	uint64_t begun_id, begun_round; /* the session that began last, and when */
	struct watched *watched; /* chats whose events somebody subscribed to */
	int64_t refused_at_ms;   /* when a connection was last closed because a command could not be taken */
	bool cluster_failing;    /* what other brokers write cannot be read */
	int64_t damage_said_ms;  /* that something of it is damaged */
	size_t users;            /* persons with sessions */
	struct counters counters;
	struct metrics *metrics;
};

/* Opens all of it. false: err has one line that says what is wrong and what to do; everything is closed again. */
bool server_open(struct server *server, const struct conf_pair *options, size_t option_count, struct error *err);
/* Refuses, drains, joins, closes. What was not decided stays in the journal. */
void server_close(struct server *server);

/* The store is open, and everything that works with it begins. Takes the store, the tail and the keys over, and sets them NULL. false: err; what
 * was begun ends with server_close. */
bool server_begin(struct server *server, struct opened *opened, struct error *err);

/* One round of the loop: completions, timers, deliveries. */
void server_tick(struct server *server);
void server_reload(struct server *server);

int64_t server_read_clock(struct server *server); /* returns monotonic microseconds */

/* Sees to it that the loop comes round within about ms. */
void server_wake_in(struct server *server, int64_t ms);

/* The next tick comes soon, and makes the rounds that are made once a second. */
void server_sweep_next(struct server *server);

/* The broker's log; the texts never have a token or a body in them. */
void server_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
