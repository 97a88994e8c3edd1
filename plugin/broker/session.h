/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_SESSION_H
#define HC_BROKER_SESSION_H
/* Who is connected. A session is keyed by the struct mosquitto that passed authentication, never by a client ID that a DISCONNECT names: a
 * refused login fires DISCONNECT as well. A person is a user with at least one session, or one whose limits are not forgotten yet: who
 * connects again does not begin anew. Broker thread. */

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "plugin/broker/budget.h"

struct server;
struct mosquitto;
struct feed;
struct blocks;
struct watch;

struct person {
	char *user_id;
	struct session *sessions; /* utlist, by person_next */
	struct budgets budgets;
	bool closed;              /* his account was deleted: nothing is taken from him any more */
	struct blocks *blocks;    /* whom he blocks; NULL: not known yet */
	UT_hash_handle hh;
};

/* What a client subscribed to below hc/me/. */
struct filter {
	char *text; /* without hc/me/ */
	int qos;
};

/* It may match something below text/. */
bool filter_reaches_text(const struct filter *filter);

enum { FILTERS_MAX = 32 };

/* There are as many as connections, so what is small stands together. */
struct session {
	struct mosquitto *client;
	uint64_t id; /* never reused: jobs carry it */
	char *client_id;
	const char *device; /* points into client_id; NULL: ephemeral */
	struct person *person;
	char *kid;            /* of a device token: the key that signed it; else NULL */
	int64_t issued_at_ms; /* what it came by, 0: it does not say */
	int64_t expires_at_ms;   /* monotonic */
	int64_t seen_at_ms;      /* when the store has the device seen last, 0: not known */
	struct filter *filters;
	struct rate stores;      /* of changes to the device */
	char **unsubscribed;     /* while the device is loading: what is not to come back with it */
	unsigned filter_count, unsubscribed_count;
	uint64_t heard_round, handed_round; /* when it last published something, and when something went out to it */
	int keepalive_s;
	uint32_t packet_max; /* the client's maximum packet size, 0: none */
	uint32_t bytes_max;  /* set by the device, 0: not */
	int socket;          /* -1: not known */
	bool sent_qos0;      /* a line or a text went out with QoS 0: of that the broker holds nothing */
	unsigned quota_lost; /* places of the send quota that the broker will not give back: beyond none, QoS 0 must do */
	signed char inbox_qos, ack_qos, live_qos; /* -1: not subscribed */
	signed char events_qos; /* the lowest of all chats, since it connected; -1: of none */
	bool text; /* some filter reaches text/… */
	bool device_loading, device_dirty, replay_loading;
	bool mqtt5, clean, warned, gone;
	bool kicked;       /* by an operator, or for the owner of its client ID: it is told nothing of its token */
	bool by_auth;      /* it came by an AUTH method, and may come again by AUTH */
	bool removed;      /* the device was removed: nothing more is stored of it */
	bool by_sign_on;   /* by a token of it: not by a device token or a certificate */
	bool for_device;   /* what it came by counts for this device alone */
	bool is_operator;  /* his token says so */
	bool kept_known, kept;
	bool resent;       /* when it began, the broker held lines or texts for it that were not acknowledged */
	bool device_known; /* it has listened before, or was told where it begins: what it has no cursor for began since then */
	bool placed;       /* a feed of this connection was told where it begins */
	bool due;          /* in server->due */
	bool hurries;      /* its small packets leave at once: publish.c */
	struct watch *watches; /* of presence.c: whom it watches */
	uint64_t watching;     /* watching.c: since which call */
	struct feed *feed; /* NULL until something is to be delivered */
	struct session *person_prev, *person_next, *due_prev, *due_next;
	UT_hash_handle hh_client, hh_id, hh_name;
};

/* A connection has proven who it is. Takes over the client ID from an earlier session of the same user. NULL: *why says why not. */
struct session *session_begin(struct server *server, struct mosquitto *client, const char *user_id, int64_t expires_at_ms, const char **why);
/* The connection is gone. Frees it. */
void session_end(struct server *server, struct session *session);

struct session *session_of(struct server *server, const struct mosquitto *client); /* NULL: not one of ours */
struct session *session_by_id(struct server *server, uint64_t id);                 /* NULL: gone */
struct session *session_by_name(struct server *server, const char *client_id);     /* NULL: nobody of ours has it */
struct person *person_find(struct server *server, const char *user_id);            /* NULL: not connected */

/* It has something to be sent or stored at the end of this tick. */
void session_due(struct server *server, struct session *session);

/* Its token ends now: it is told so, and disconnected within a tick or two. */
void session_cut(struct server *server, struct session *session);
/* It is disconnected in the same way, and its token counts as before. */
void session_kick(struct server *server, struct session *session);

/* Its token has ended. It is connected until it has been told so, and may write and read nothing any more. */
bool session_is_over(const struct server *server, const struct session *session);

/* Warns before, and disconnects at, the end of tokens. Once a second or so. */
void session_expire(struct server *server);

/* Whether the broker goes on with an earlier MQTT session of this client ID. Asked first before it subscribes anything. */
bool session_is_kept(struct session *session);

/* While what the device had subscribed is on its way: whether the client itself has said something about this filter. */
bool session_has_decided(const struct session *session, const char *filter);
void session_forget_decided(struct session *session);

/* It began in this very turn of the broker, which asks now about all that it held for the client ID. */
bool session_is_beginning(const struct server *server, const struct session *session);

/* Lets go of people who are not connected and whose limits are as if they had never been here. */
void session_sweep_persons(struct server *server);
void session_free_persons(struct server *server);

/* hc/me/<filter> was subscribed or unsubscribed. false: too many, or none that could match anything. */
bool session_subscribe(struct server *server, struct session *session, const char *filter, int qos);
void session_unsubscribe(struct server *server, struct session *session, const char *filter);

/* The QoS that the session subscribed a topic below hc/me/ with, -1: not at all. */
int session_qos(const struct session *session, const char *topic);

/* The largest payload for a topic of that length (all of "hc/me/…") that this client takes; at most `most`. */
size_t session_payload_max(const struct session *session, size_t topic_len, size_t most);

#endif
