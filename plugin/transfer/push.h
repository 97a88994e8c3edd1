/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_PUSH_H
#define HC_TRANSFER_PUSH_H
/* Pushes: for each message and each member who is away, a record that says what his devices should show (docs/kafka.md). It is what the mirror of
 * kind "push" makes of a transaction, a moment after it was written: by then who is there has it.
 *
 * None for the sender, for who is connected to this broker, has it on a device, or has received or read it, who muted the chat, who blocks the sender or is
 * blocked by him, whose membership does not show it, nor for a message that is deleted, or older than ttl_ms, by then. At least once: who reads them
 * goes by (userID, chatID, transactionID).
 *
 * A connection may be dead for as long as its keepalive before anybody knows. So a push that was left out because somebody is connected is owed to him,
 * the newest of each chat, for a quarter of an hour: if he goes and still has not got the message, it is made (push_owed.c). That is kept in memory, and
 * made at most once.
 *
 * Whoever is here, or has it, costs no look into the store for each message: it is asked once for all that are due of a chat (push_known.c).
 *
 * One thread, the mirror's; push_count and push_left_out: any. */

#include "plugin/transfer/here.h"
#include "plugin/transfer/mirror.h"

struct push_conf {
	struct store *store;
	struct here *here;
	const char *topic, *epoch;
	int64_t ttl_ms;
	bool preview;        /* the beginning of the message is in it */
	size_t large_group;  /* in groups of more members only who is mentioned is woken at once */
	kafka_log *log;      /* any thread's */
	void *log_context;
};

struct push;

struct push *push_new(const struct push_conf *conf); /* texts are copied */
void push_free(struct push *push);                   /* NULL is fine */

/* As mirror_conf.also. */
enum store_rc push_make(struct push *push, struct mirror *mirror, const struct transaction *tx, struct error *err);

/* As mirror_conf.damaged: it is counted and said. */
void push_leave_out(struct push *push, const struct error *err);

/* As mirror_conf.idle: what is owed. */
void push_idle(struct push *push, struct mirror *mirror);

/* How many were made. */
uint64_t push_count(const struct push *push);

/* How many were left out because what the store has of the member, or of the message, is damaged: those behind them do not wait for that. */
uint64_t push_left_out(const struct push *push);

#endif
