/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Budgets. Broker thread. */
#include "plugin/broker/budget.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/broker/server.h"

enum {
	HELD_MAX = 64, /* chats of one user that are held one by one */
	BUSY_RETRY_MS = 100,
	SHORT_CALL = 1024, /* bytes of arguments that cost next to nothing */
	KEPT_BURST = 50, /* answers with QoS 1: a small part of the 1,000 messages that the broker's queue for a client has by default */
	KEPT_PER_SECOND = 1,
};

/* Budgets that fill up again with time. */
static const struct row {
	size_t option;        /* offset in struct conf of what comes back in `seconds` */
	unsigned seconds;
	unsigned burst;       /* a full one is so many seconds' worth; 0: as many as that of commands */
	const char *message;  /* NULL: the standard one */
} TABLE[BUDGET_COUNT] = {
	[BUDGET_COMMANDS] = {offsetof(struct conf, commands_per_second), 1, 0, NULL},
	[BUDGET_BYTES] = {offsetof(struct conf, bytes_per_second), 1, 0, NULL},
	[BUDGET_CONTACTS] = {offsetof(struct conf, new_contacts_per_hour), 3600, 3600, "too many new contacts"},
	[BUDGET_ICONS] = {offsetof(struct conf, icons_per_hour), 3600, 3600, "too many new icons"},
	[BUDGET_TYPING] = {offsetof(struct conf, typing_per_second), 1, 10, NULL},
	[BUDGET_SUBSCRIPTIONS] = {offsetof(struct conf, subscriptions_per_second), 1, 60, NULL},
	[BUDGET_CALLS] = {offsetof(struct conf, calls_per_second), 1, 20, NULL},
	[BUDGET_REPLIES] = {offsetof(struct conf, reply_bytes_per_second), 1, 20, "too much was asked for"},
};

static double per_second(const struct conf *conf, enum budget budget)
{
	const struct row *row = &TABLE[budget];
	uint64_t amount = *(const uint64_t *)((const char *)conf + row->option);
	return (double)amount / row->seconds;
}

static double burst(const struct conf *conf, enum budget budget)
{
	const struct row *row = &TABLE[budget];
	double seconds = row->burst != 0 ? row->burst : (double)conf->commands_burst / (double)conf->commands_per_second;
	return per_second(conf, budget) * seconds;
}

static int64_t take(struct server *server, struct person *person, enum budget budget, double cost)
{
	const struct conf *conf = &server->conf;
	return rate_take(&person->budgets.rates[budget], per_second(conf, budget), burst(conf, budget), cost, server->now_ms);
}

static void charge(struct server *server, struct person *person, enum budget budget, double cost)
{
	const struct conf *conf = &server->conf;
	rate_charge(&person->budgets.rates[budget], per_second(conf, budget), burst(conf, budget), cost, server->now_ms);
}

static bool refuse_until(struct verdict *verdict, enum budget budget, int64_t wait_ms)
{
	if (wait_ms == 0)
		return true;
	const char *message = TABLE[budget].message;
	if (message != NULL)
		refuse(verdict, REFUSAL_RATE_LIMITED, "%s", message);
	else
		refuse(verdict, REFUSAL_RATE_LIMITED, NULL);
	verdict->retry_after_ms = wait_ms;
	return false;
}

/* ---- commands ---- */

/* A chat whose commands of one user are refused for a while: a burst that was cut must not go on in the middle. */
struct held_chat {
	struct held_chat *next;
	int64_t until_ms;
	char chat_id[];
};

static int64_t held_for(struct budgets *budgets, const char *chat_id, int64_t now_ms)
{
	struct held_chat *held, *next;
	int64_t left = budgets->all_held_until_ms > now_ms ? budgets->all_held_until_ms - now_ms : 0;
	LL_FOREACH_SAFE(budgets->held, held, next) {
		if (held->until_ms <= now_ms) {
			LL_DELETE(budgets->held, held);
			budgets->held_count--;
			free(held);
		} else if (held->until_ms - now_ms > left && strcmp(held->chat_id, chat_id) == 0) {
			left = held->until_ms - now_ms;
		}
	}
	return left;
}

static void hold(struct budgets *budgets, const char *chat_id, int64_t until_ms)
{
	if (budgets->held_count == HELD_MAX) {
		budgets->all_held_until_ms = until_ms > budgets->all_held_until_ms ? until_ms : budgets->all_held_until_ms;
		return;
	}
	budgets->held_count++;
	struct held_chat *held = mem_new(sizeof *held + strlen(chat_id) + 1);
	held->until_ms = until_ms;
	strcpy(held->chat_id, chat_id);
	LL_PREPEND(budgets->held, held);
}

bool budget_lets_through(struct server *server, struct person *person, const char *chat_id, struct verdict *verdict)
{
	return refuse_until(verdict, BUDGET_COMMANDS, held_for(&person->budgets, chat_id, server->now_ms));
}

bool budget_allows_command(struct server *server, struct person *person, const char *chat_id, size_t bytes, struct verdict *verdict)
{
	if (!budget_lets_through(server, person, chat_id, verdict))
		return false;
	int64_t wait = take(server, person, BUDGET_BYTES, (double)bytes);
	if (wait == 0)
		wait = take(server, person, BUDGET_COMMANDS, 1);
	if (wait > 0)
		hold(&person->budgets, chat_id, server->now_ms + wait);
	return refuse_until(verdict, BUDGET_COMMANDS, wait);
}

/* ---- the rest ---- */

bool budget_allows(struct server *server, struct person *person, enum budget budget, struct verdict *verdict)
{
	return refuse_until(verdict, budget, take(server, person, budget, 1));
}

/* Who has sent too much can still read, unless he asks at great length. */
bool budget_allows_call(struct server *server, struct person *person, size_t bytes, struct verdict *verdict)
{
	int64_t wait = bytes > SHORT_CALL ? take(server, person, BUDGET_BYTES, (double)bytes) : 0;
	if (wait == 0)
		wait = take(server, person, BUDGET_CALLS, 1);
	return refuse_until(verdict, BUDGET_CALLS, wait);
}

bool budget_has_contacts(struct server *server, struct person *person, struct verdict *verdict)
{
	return refuse_until(verdict, BUDGET_CONTACTS, take(server, person, BUDGET_CONTACTS, 0));
}

void budget_count_contacts(struct server *server, struct person *person, size_t count)
{
	double most = burst(&server->conf, BUDGET_CONTACTS);
	charge(server, person, BUDGET_CONTACTS, (double)count < most ? (double)count : most);
}

bool budget_keeps_answer(struct server *server, struct person *person)
{
	return rate_take(&person->budgets.kept_answers, KEPT_PER_SECOND, KEPT_BURST, 1, server->now_ms) == 0;
}

bool budget_begin_call(struct server *server, struct person *person, struct verdict *verdict)
{
	if (person->budgets.in_flight++ >= server->conf.rpc_in_flight_max) {
		refuse(verdict, REFUSAL_RATE_LIMITED, "too many requests are under way");
		verdict->retry_after_ms = BUSY_RETRY_MS;
		return false;
	}
	/* What an answer costs is known when it is there: on credit, which has to be paid back before the next one. */
	return refuse_until(verdict, BUDGET_REPLIES, take(server, person, BUDGET_REPLIES, 0));
}

void budget_end_call(struct server *server, struct person *person, size_t answer_bytes)
{
	if (person->budgets.in_flight > 0)
		person->budgets.in_flight--;
	charge(server, person, BUDGET_REPLIES, (double)answer_bytes);
}

bool budget_allows_chat(struct server *server, struct person *person, struct verdict *verdict)
{
	if (person->budgets.chats >= server->conf.chats_max) {
		refuse(verdict, REFUSAL_FORBIDDEN, "a user may be in at most %llu chats", (unsigned long long)server->conf.chats_max);
		return false;
	}
	return true;
}

void budget_count_chat(struct person *person, bool more)
{
	if (more)
		person->budgets.chats++;
	else if (person->budgets.chats > 0)
		person->budgets.chats--;
}

bool budget_is_settled(const struct server *server, struct person *person)
{
	const struct budgets *budgets = &person->budgets;
	for (enum budget budget = 0; budget < BUDGET_COUNT; budget++)
		if (!rate_is_full(&budgets->rates[budget], per_second(&server->conf, budget), burst(&server->conf, budget), server->now_ms))
			return false;
	if (!rate_is_full(&budgets->kept_answers, KEPT_PER_SECOND, KEPT_BURST, server->now_ms))
		return false;
	return budgets->in_flight == 0 && budgets->all_held_until_ms <= server->now_ms;
}

void budget_forget(struct person *person)
{
	struct held_chat *held, *next;
	LL_FOREACH_SAFE(person->budgets.held, held, next)
		free(held);
	person->budgets = (struct budgets){0};
}
