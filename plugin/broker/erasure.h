/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_ERASURE_H
#define HC_BROKER_ERASURE_H
/* Texts that the store has erased leave the plugin's other files as well: the journal's ring, where they stand until they are written over,
 * its quarantine file, and what the store has left for its next checkpoint. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

struct chat;
struct server;

struct erasure {
	bool wanted;    /* something was erased since the last pass over the journal began */
	bool scrubbing; /* a pass is under way */
	bool failing;   /* the log has said that it does not work */
	int64_t scrubbed_at_ms, looked_at_ms;
};

/* The store has erased something, or may have before a restart: it is out of the files a second or two later. As often as one likes. */
void erasure_happened(struct server *server);

/* A deletion was committed there: the same. What members had sent there (or where the topic does not tell) and is in quarantine goes as well:
 * it took no effect, but the same text may have been sent once more with success, and been deleted. */
void erasure_in_chat(struct server *server, struct chat *chat);

/* The account is deleted: the same, and all that he has in quarantine. */
void erasure_of_user(struct server *server, const char *user_id);

/* A bounded piece of what is due. Each tick. Also once a minute without a reason: a repetition of something that was deleted, or a refused
 * command, is not in the journal for longer than that. */
void erasure_tick(struct server *server);

/* At the end, when nothing is released any more: all that is left to do. Blocks for up to the time it takes to write the whole journal. */
void erasure_finish(struct server *server);

#endif
