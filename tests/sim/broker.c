/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A broker around a core: ports that become requests, a journal, death and return. A crash loses all that was in memory and nothing of what
 * is on its way to the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

/* ---- ports ---- */

static void port_append(void *context, const char *chat_id, struct transaction *const *transactions, size_t count)
{
	struct broker *broker = context;
	struct request *request = request_new(broker, REQUEST_APPEND, chat_id);
	request->count = count;
	request->transactions = mem_new(count * sizeof *request->transactions);
	for (size_t i = 0; i < count; i++)
		request->transactions[i] = transaction_ref(transactions[i]);
	oracle_appends(request);
	trace(broker->world, "broker %u: appends %zu from number %lu to chat %zu", broker->index, count, (unsigned long)transactions[0]->number,
		request->chat);
}

static void port_load_chat(void *context, const char *chat_id)
{
	request_new(context, REQUEST_LOAD, chat_id);
}

static void port_check_users(void *context, const char *chat_id, const char *from_id, const char *const *user_ids, size_t count, bool both)
{
	struct request *request = request_new(context, REQUEST_REACH, chat_id);
	snprintf(request->user_id, sizeof request->user_id, "%s", from_id);
	for (size_t i = 0; i < count; i++)
		request->users[i] = world_find_user(request->broker->world, user_ids[i]);
	request->count = count;
	request->both = both;
}

static void port_read_message(void *context, const char *chat_id, uint64_t number)
{
	struct request *request = request_new(context, REQUEST_MESSAGE, chat_id);
	request->from = number;
}

static void port_find_key(void *context, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms)
{
	struct request *request = request_new(context, REQUEST_KEY, chat_id);
	snprintf(request->user_id, sizeof request->user_id, "%s", sender_id);
	snprintf(request->key, sizeof request->key, "%s", key);
	request->since_ms = since_ms;
}

static void port_read(void *context, const char *chat_id, uint64_t from, uint64_t to)
{
	struct request *request = request_new(context, REQUEST_READ, chat_id);
	request->from = from;
	request->to = to;
}

static void port_put_receipts(void *context, const struct receipt *receipts, size_t count)
{
	struct broker *broker = context;
	for (size_t i = 0; i < count; i++) {
		struct request *request = request_new(broker, REQUEST_RECEIPTS, receipts[i].chat_id);
		snprintf(request->user_id, sizeof request->user_id, "%s", receipts[i].user_id);
		request->receipts = mem_copy(&receipts[i], sizeof *receipts);
		request->receipts->chat_id = broker->world->truths[request->chat].id;
		request->receipts->user_id = request->user_id;
	}
}

static void port_committed(void *context, struct chat *chat, struct transaction *tx)
{
	struct broker *broker = context;
	trace(broker->world, "broker %u: shows %lu of chat %zu", broker->index, (unsigned long)tx->number, world_chat(broker->world, chat->id));
	oracle_committed(broker, chat, tx);
}

static void release(struct broker *broker, uint64_t seq, bool refused)
{
	if (seq != 0)
		broker->journal.records[seq - 1].state = refused ? RECORD_DECLINED : RECORD_COMMITTED;
}

static void visited(void *context, struct chat *chat, bool unavailable)
{
	struct visit *visit = context;
	struct world *world = visit->broker->world;
	oracle_visited(visit, chat, unavailable);
	if (visit->erasure != NULL && visit->broker->core != NULL) {
		visit->erasure->again = true; /* also where the chat is not loaded: then nothing is pending */
		broker_erase(visit->broker, visit->erasure);
	}
	if (visit->broker->core != NULL && !world->calm && random_chance(&world->random, world->nested))
		client_command(world);
}

void broker_erase(struct broker *broker, struct erasure *erasure)
{
	struct world *world = broker->world;
	trace(world, "broker %u: what %s wrote in chat %zu goes%s", broker->index, world_user(world, erasure->user), erasure->chat,
		erasure->again ? ", again" : "");
	struct request *request = request_new(broker, REQUEST_ERASE, world->truths[erasure->chat].id);
	request->erasure = erasure;
}

static void begin_erasure(struct broker *broker, const struct intent *intent)
{
	struct world *world = broker->world;
	struct erasure erasure = {.chat = intent->chat, .user = intent->sender, .left_at = world->truths[intent->chat].latest};
	broker_erase(broker, list_add(&world->erasures, &world->erasure_count, &erasure, sizeof erasure));
}

void broker_erased(struct broker *broker, struct erasure *erasure)
{
	struct world *world = broker->world;
	const char *chat_id = world->truths[erasure->chat].id;
	for (unsigned i = 0; i < world->broker_count; i++)
		if (world->brokers[i].core != NULL)
			core_forget_texts(world->brokers[i].core, chat_id);
	erasure->finished = erasure->again;
	if (erasure->again)
		return;
	struct visit visit = {.broker = broker, .incarnation = broker->incarnation, .chat = erasure->chat, .erasure = erasure};
	core_settle(broker->core, chat_id, visited, list_add(&world->visits, &world->visit_count, &visit, sizeof visit), world->mono_ms);
}

static void port_answer(void *context, struct command *command, const struct answer *answer)
{
	struct broker *broker = context;
	struct world *world = broker->world;
	struct attempt *attempt = command->origin;
	trace(world, "broker %u: command %lu is %s%s, number %lu", broker->index, (unsigned long)attempt->order,
		answer->refused    ? "refused: "
		: answer->repeated ? "a repetition"
						   : "done",
		answer->refused ? refusal_name(answer->refused->code) : "", (unsigned long)answer->number);
	oracle_answered(broker, attempt, answer);
	if (attempt->intent->type == COMMAND_CLOSE_ACCOUNT && answer->refused == NULL)
		begin_erasure(broker, attempt->intent);
	release(broker, command->journal_seq, answer->refused != NULL);
	command_free(command);
	if (!world->calm && random_chance(&world->random, world->nested))
		client_command(world);
}

static bool port_may_begin(void *context, const struct command *command, struct verdict *verdict)
{
	struct broker *broker = context;
	if (command->replayed || broker->world->calm || !random_chance(&broker->world->random, broker->world->begin_refused))
		return true;
	refuse(verdict, REFUSAL_RATE_LIMITED, NULL);
	return false;
}

static void port_in_work(void *context, const struct command *command, bool begins)
{
	struct broker *broker = context;
	expect(broker->world, command->replayed && broker->in_work == (begins ? NULL : command), "broker %u: %s of a command that %s", broker->index,
		begins ? "the work" : "the end", command->replayed ? "another one is in between of" : "is not replayed");
	broker->in_work = begins ? command : NULL;
}

static void port_report(void *context, const char *chat_id, const char *what)
{
	struct broker *broker = context;
	sim_fail(broker->world, "broker %u reports on chat %zu, while the store is sound: %s", broker->index,
		world_chat(broker->world, chat_id), what);
}

/* ---- commands ---- */

struct command *make_command(const struct world *world, const struct intent *intent, int64_t at_ms)
{
	struct command *command = command_new(intent->type, world_user(world, intent->sender));
	command->chat_id = mem_text(world->truths[intent->chat].id);
	command->peer_id = intent->by_peer ? mem_text(world_user(world, intent->peer)) : NULL;
	command->key = mem_text(intent->key);
	command->body_len = (uint32_t)strlen(intent->body);
	command->body = mem_text(intent->body);
	command->replied_to = intent->replied_to;
	command->target = intent->target;
	command->keep_quotes = intent->keep_quotes;
	command->role = intent->role;
	for (unsigned i = 0; i < USERS_MAX; i++)
		if (intent->users[i])
			command_add_user(command, world_user(world, i));
	command->has_if_latest = intent->has_if_latest;
	command->if_latest = intent->if_latest;
	command->at_ms = at_ms;
	command_hash(command);
	return command;
}

static struct attempt *make_attempt(struct broker *broker, const struct intent *intent, uint64_t journal_seq, bool replayed)
{
	struct world *world = broker->world;
	struct attempt attempt = {
		.intent = intent,
		.broker = broker->index,
		.incarnation = broker->incarnation,
		.order = ++world->attempts_made,
		.journal_seq = journal_seq,
		.replayed = replayed,
		.step = world->steps,
		.view_known = broker_knows(broker, intent->chat),
		.view_before = broker_knows(broker, intent->chat) ? broker->views[intent->chat].shown : 0,
		.store_before = world->truths[intent->chat].latest,
	};
	return list_add(&world->attempts, &world->attempt_count, &attempt, sizeof attempt);
}

static void trace_command(const struct broker *broker, const struct attempt *attempt)
{
	static const char *const verbs[] = {"sends", "creates", "edits", "deletes", "creates the group", "adds", "removes", "makes", "updates",
		"ends", "closes the account"};
	const struct intent *intent = attempt->intent;
	const struct world *world = broker->world;
	char names[USERS_MAX + 1] = "";
	for (unsigned i = 0, n = 0; i < USERS_MAX; i++)
		if (intent->users[i])
			names[n++] = (char)('0' + i);
	trace(world, "broker %u: %scommand %lu: %s %s %s%s%s in chat %zu%s, key %s%s, \"%.20s\", about %lu, replies to %lu, ifLatest %ld", broker->index,
		attempt->replayed ? "replays " : "", (unsigned long)attempt->order, world_user(world, intent->sender), verbs[intent->type], names,
		intent->role != ROLE_NONE ? " " : "", intent->role != ROLE_NONE ? role_name(intent->role) : "", intent->chat,
		intent->by_peer ? " by user" : "", intent->silent ? "(ours) " : "", intent->silent ? intent->key + 1 : intent->key, intent->body,
		(unsigned long)intent->target, (unsigned long)intent->replied_to, intent->has_if_latest ? (long)intent->if_latest : -1L);
}

static void hand_over(struct broker *broker, const struct intent *intent, uint64_t journal_seq, int64_t at_ms, bool replayed)
{
	struct world *world = broker->world;
	struct command *command = make_command(world, intent, at_ms);
	struct attempt *attempt = make_attempt(broker, intent, journal_seq, replayed);
	if (world->tracing)
		trace_command(broker, attempt);
	command->origin = attempt;
	command->journal_seq = journal_seq;
	command->replayed = replayed;
	core_command(broker->core, command, world->mono_ms);
}

void broker_issue(struct broker *broker, const struct intent *intent, bool journaled)
{
	struct journal_model *journal = &broker->journal;
	uint64_t seq = 0;
	if (journaled) {
		journal->records = mem_grow(journal->records, (journal->count + 1) * sizeof *journal->records);
		journal->records[journal->count++] = (struct record){intent, broker->world->wall_ms, RECORD_LIVE};
		seq = journal->count;
	}
	hand_over(broker, intent, seq, broker->world->wall_ms, false);
}

/* ---- life ---- */

static void replay(struct broker *broker)
{
	struct journal_model *journal = &broker->journal;
	for (size_t i = journal->watermark; i < journal->count; i++) {
		if (journal->records[i].state == RECORD_DECLINED)
			continue;
		journal->records[i].state = RECORD_LIVE;
		hand_over(broker, journal->records[i].intent, i + 1, journal->records[i].at_ms, true);
	}
}

/* ---- what the others write ---- */

static uint64_t end_of(const struct broker *broker, unsigned other)
{
	struct page page = {0};
	uint64_t next = 0;
	store_memory.tail(broker->store, broker->world->brokers[other].writer, UINT64_MAX, 1, &page, &next, NULL);
	store_page_free(&page);
	return next;
}

static void begin_reading_along(struct broker *broker)
{
	for (unsigned i = 0; i < broker->world->broker_count; i++)
		broker->read_along[i] = end_of(broker, i);
}

void broker_read_along(struct broker *broker, unsigned other)
{
	if (broker->core == NULL || other == broker->index)
		return;
	struct request *request = request_new(broker, REQUEST_TAIL, broker->world->truths[0].id);
	request->other = other;
	request->from = broker->read_along[other];
}

bool broker_has_read(const struct broker *broker)
{
	for (unsigned i = 0; i < broker->world->broker_count; i++)
		if (i != broker->index && broker->read_along[i] < end_of(broker, i))
			return false;
	return true;
}

/* Late, and at times once more. Whether somebody is connected here to whom a chat matters that is not in memory, chance says. */
void broker_hears(struct broker *broker, unsigned other, const struct page *page, uint64_t next)
{
	struct world *world = broker->world;
	for (size_t i = 0; i < page->count; i++) {
		struct transaction *tx = page->transactions[i];
		trace(world, "broker %u: hears of %lu of chat %zu", broker->index, (unsigned long)tx->number, world_chat(world, tx->chat_id));
		if (!core_news(broker->core, tx) && random_chance(&world->random, 500))
			broker_visit(broker, world_chat(world, tx->chat_id));
	}
	if (next > broker->read_along[other] && (world->calm || !random_chance(&world->random, 200)))
		broker->read_along[other] = next;
}

void broker_start(struct broker *broker)
{
	if (broker->core != NULL)
		return;
	trace(broker->world, "broker %u starts", broker->index);
	memset(broker->views, 0, sizeof broker->views);
	broker->incarnation++;
	broker->core = core_new(&(struct core_ports){
		.context = broker,
		.writer = broker->writer,
		.chats_max = broker->world->chats_max,
		.append = port_append,
		.load_chat = port_load_chat,
		.check_users = port_check_users,
		.find_key = port_find_key,
		.read_message = port_read_message,
		.read = port_read,
		.put_receipts = port_put_receipts,
		.committed = port_committed,
		.answer = port_answer,
		.may_begin = port_may_begin,
		.in_work = port_in_work,
		.report = port_report,
	});
	begin_reading_along(broker);
	replay(broker);
}

void broker_crash(struct broker *broker)
{
	if (broker->core == NULL)
		return;
	trace(broker->world, "broker %u dies", broker->index);
	broker->world->crashes++;
	struct core *core = broker->core;
	broker->core = NULL;
	core_free(core);
}

void broker_fini(struct broker *broker)
{
	core_free(broker->core);
	broker->core = NULL;
	free(broker->journal.records);
	store_memory.close(broker->store);
}

void broker_flush_journal(struct broker *broker)
{
	struct journal_model *journal = &broker->journal;
	while (journal->watermark < journal->count && journal->records[journal->watermark].state != RECORD_LIVE)
		journal->watermark++;
}

void broker_round(struct broker *broker)
{
	if (broker->core != NULL)
		core_flush(broker->core);
}

void broker_tick(struct broker *broker)
{
	if (broker->core != NULL)
		core_tick(broker->core, broker->world->mono_ms);
}

bool broker_knows(const struct broker *broker, size_t chat)
{
	return core_peek(broker->core, broker->world->truths[chat].id) != NULL;
}

void broker_visit(struct broker *broker, size_t chat)
{
	struct world *world = broker->world;
	if (broker->core == NULL)
		return;
	trace(world, "broker %u: somebody looks at chat %zu", broker->index, chat);
	struct visit visit = {.broker = broker, .incarnation = broker->incarnation, .chat = chat};
	core_visit(
		broker->core, world->truths[chat].id, visited, list_add(&world->visits, &world->visit_count, &visit, sizeof visit), world->mono_ms);
}
