/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BENCH_PEER_H
#define HC_BENCH_PEER_H
/* One party of a conversation, on a bare broker or in HyperChat, who checks all that he is delivered: bodies in the order in which they
 * were sent, each once, and in HyperChat numbers 1, 2, 3, … of the right chat. A violation ends the program. One thread. */

#include <stdbool.h>
#include <stdint.h>

#include "bench/load.h"
#include "bench/mqtt.h"

struct peer;

/* A message has come: bodies count 0, 1, 2, … */
typedef void peer_heard(struct peer *peer, uint64_t sequence, int64_t sent_at_us, int64_t now_us);

struct peer {
	struct mqtt_client mqtt; /* first, so that one is the other */
	const struct load_options *options;
	const struct user *user; /* who logs in; NULL on a bare broker */
	char client_id[160];
	char chat_id[SCENE_CHAT_ID_LEN + 1];
	char topic[64]; /* where he writes */
	bool reads;     /* subscribes */
	bool clean_session;
	bool connected, subscribed, session_present;
	uint64_t next_number;   /* HyperChat: the transaction that must come next */
	uint64_t next_sequence; /* the body that must come next */
	uint64_t hints;         /* `latest` lines: the broker found this client slow */
	uint64_t published, acked;
	peer_heard *heard;
	void *context;
};

/* What mqtt_loop_open needs. */
extern const struct mqtt_handler peer_handler;

/* `name` tells the clients of one user, and those of a bare broker, apart. Set reads, clean_session (true), heard and context
 * afterwards. */
void peer_init(
	struct peer *peer, const struct load_options *options, const char *name, const struct user *user, enum scene scene, size_t chat_index);

/* Logs in. Once connected, those who read subscribe, unless the broker kept their session. */
void peer_open(struct peer *peer, struct mqtt_loop *loop);

/* All of that is done, and in HyperChat the first transaction of the chat has come. */
bool peer_is_ready(const struct peer *peer);

/* Buffers a message; mqtt_flush sends it. */
void peer_say(struct peer *peer, int64_t sent_at_us);

/* Opens all of them, few enough at a time for a listen queue, and waits until they are ready; dies if one takes 30 s. */
void peers_open(struct peer *peers, size_t count, struct mqtt_loop *loop);
void peers_close(struct peer *peers, size_t count);

#endif
