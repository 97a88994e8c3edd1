/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_BUDGET_H
#define HC_BROKER_BUDGET_H
/* What one user may cost: the only file that enforces it. The numbers are options (plugin/conf/table.c), counted for the person over all of his
 * connections, and go on counting when he connects again. What is above is refused as rate_limited, with the time after which it is not.
 *
 *   budget             option                               exceeded
 *   commands           commands_per_second, commands_burst  all further commands of the user to that chat wait, so that nothing overtakes;
 *                                                            of a call, whose chat is not read yet, those that name none
 *   bytes of payload   bytes_per_second                     the same; of calls that read, only what is long counts
 *   new contacts       new_contacts_per_hour                the call alone; adding to groups on credit
 *   icons of bytes     icons_per_hour                       the call alone
 *   typing             typing_per_second                    the event alone
 *   calls that read    calls_per_second                     the call alone
 *   bytes of answers   reply_bytes_per_second               the next call that reads
 *   calls under way    rpc_in_flight                        the call alone
 *   subscribing        subscriptions_per_second             the SUBSCRIBE; also above subscriptions_max on one connection
 *   chats              chats_max                            what would begin or join one more: forbidden, since no time helps
 *
 * Commands and calls are counted before their payload is read: who sends what cannot be read has to pay for it as well. A call that could be paid still
 * waits where its chat does.
 *
 * deliveries_per_tick is no person's, but the broker's own turn: server.c. Broker thread. */

#include <stdbool.h>
#include <stddef.h>

#include "plugin/broker/rate.h"
#include "plugin/chat/refusal.h"

struct person;
struct server;

enum budget { BUDGET_COMMANDS, BUDGET_BYTES, BUDGET_CONTACTS, BUDGET_ICONS, BUDGET_TYPING, BUDGET_SUBSCRIPTIONS, BUDGET_CALLS, BUDGET_REPLIES, BUDGET_COUNT };

/* A person's, all zero at first. */
struct budgets {
	struct rate rates[BUDGET_COUNT];
	struct rate kept_answers; /* those with QoS 1 */
	struct held_chat *held; /* chats whose commands are refused until a time has passed */
	unsigned held_count;
	unsigned in_flight;        /* calls */
	int64_t all_held_until_ms; /* all of them: too many to be held one by one */
	size_t chats;              /* as last loaded, and what came and went since; 0: not known */
};

/* Those whom he adds to groups, and has no 1:1 chat with, are new contacts; how many they are is known when the store has told: so they are counted
 * on credit. One call costs an hour's worth at the most. false: he has none left, *verdict. */
bool budget_has_contacts(struct server *server, struct person *person, struct verdict *verdict);
void budget_count_contacts(struct server *server, struct person *person, size_t count);

/* Counts one command of that many bytes to that chat; "" for what concerns none. false: *verdict. */
bool budget_allows_command(struct server *server, struct person *person, const char *chat_id, size_t bytes, struct verdict *verdict);

/* Whether what he sends to that chat does not have to wait. Counts nothing. false: *verdict. */
bool budget_lets_through(struct server *server, struct person *person, const char *chat_id, struct verdict *verdict);

/* Counts one call that changes nothing, with arguments of that many bytes. false: *verdict. */
bool budget_allows_call(struct server *server, struct person *person, size_t bytes, struct verdict *verdict);

/* Counts one of a budget that is neither of commands nor of answers. false: *verdict. */
bool budget_allows(struct server *server, struct person *person, enum budget budget, struct verdict *verdict);

/* Whether one more ack or answer may go out with QoS 1, and be kept in the broker's queue until it is acknowledged. */
bool budget_keeps_answer(struct server *server, struct person *person);

/* Counts a call as under way; each is followed by one budget_end_call. false: *verdict; it counts all the same. */
bool budget_begin_call(struct server *server, struct person *person, struct verdict *verdict);
void budget_end_call(struct server *server, struct person *person, size_t answer_bytes);

/* Whether he may be in one more chat. false: *verdict. */
bool budget_allows_chat(struct server *server, struct person *person, struct verdict *verdict);

/* He is in one more, or one less. */
void budget_count_chat(struct person *person, bool more);

/* Whether they are as if the person had never been here: then he may be forgotten. */
bool budget_is_settled(const struct server *server, struct person *person);
void budget_forget(struct person *person); /* frees */

#endif
