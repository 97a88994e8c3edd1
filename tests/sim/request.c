/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What cores ask of the store: done at one moment, answered at another, with all that can go wrong in between.
 *
 * An append that is answered UNKNOWN was done, was not done, or will be done later, when its caller has long moved on; the same holds for
 * what a dead broker had sent. The data lies in storage/memory, the executable specification. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

void *list_add(void *list_pointer, size_t *count, const void *item, size_t size)
{
	void ***list = list_pointer;
	*list = mem_grow(*list, (*count + 1) * sizeof **list);
	return (*list)[(*count)++] = mem_copy(item, size);
}

struct request *request_new(struct broker *broker, enum request_type type, const char *chat_id)
{
	struct world *world = broker->world;
	struct request request = {.type = type, .broker = broker, .incarnation = broker->incarnation, .chat = world_chat(world, chat_id)};
	return list_add(&world->requests, &world->request_count, &request, sizeof request);
}

static void request_free(struct request *request)
{
	for (size_t i = 0; request->transactions != NULL && i < request->count; i++)
		transaction_free(request->transactions[i]);
	free(request->transactions);
	free(request->receipts);
	store_free(request->chat_record);
	store_page_free(&request->page);
	message_state_free(&request->message);
	free(request);
}

static void request_remove(struct world *world, size_t index)
{
	request_free(world->requests[index]);
	world->requests[index] = world->requests[--world->request_count];
}

void request_free_all(struct world *world)
{
	while (world->request_count > 0)
		request_remove(world, world->request_count - 1);
	free(world->requests);
}

static const char *chat_id_of(const struct request *request)
{
	return request->broker->world->truths[request->chat].id;
}

static bool is_orphan(const struct request *request)
{
	return request->broker->core == NULL || request->incarnation != request->broker->incarnation;
}

/* ---- doing ---- */

/* Where numbers and keys both speak against an append, a store may name either. The memory store names the number. */
static void name_duplicate(struct request *request)
{
	struct world *world = request->broker->world;
	const struct truth *truth = &world->truths[request->chat];
	if (request->result.duplicate_number != 0 || random_chance(&world->random, 500))
		return;
	for (size_t i = 0; i < request->count; i++) {
		const struct transaction *tx = request->transactions[i];
		for (uint64_t n = 0; tx->key != NULL && n < truth->latest; n++) {
			const struct transaction *other = truth->log[n];
			if (other->key == NULL || strcmp(other->key, tx->key) != 0 || strcmp(other->sender_id, tx->sender_id) != 0)
				continue;
			request->result.duplicate_index = i;
			request->result.duplicate_number = other->number;
			return;
		}
	}
}

static void append(struct request *request)
{
	struct world *world = request->broker->world;
	struct append *result = &request->result;
	*result = (struct append){.chat_id = chat_id_of(request), .transactions = request->transactions, .transaction_count = request->count};
	request->rc = store_memory.append(request->broker->store, result, 1, NULL);
	oracle_look(world, request->chat);
	if (result->result == APPEND_CONFLICT)
		name_duplicate(request);
	trace(world, "store: %zu from number %lu to chat %zu of broker %u: %s", request->count, (unsigned long)request->transactions[0]->number,
		request->chat, request->broker->index,
		result->result == APPEND_OK     ? "added"
		: result->duplicate_number != 0 ? "a key is there already"
										: "conflict");
}

/* The answer goes ahead of the deed. */
static void append_later(struct request *request)
{
	struct request *ghost = request_new(request->broker, REQUEST_APPEND, chat_id_of(request));
	ghost->incarnation = request->incarnation;
	ghost->answered = true;
	ghost->count = request->count;
	ghost->transactions = mem_new(request->count * sizeof *ghost->transactions);
	for (size_t i = 0; i < request->count; i++)
		ghost->transactions[i] = transaction_ref(request->transactions[i]);
}

static void append_with_fault(struct request *request)
{
	struct world *world = request->broker->world;
	enum { NOTHING, UNKNOWN_NOT_DONE, UNKNOWN_DONE, UNKNOWN_LATER, FAULTS };
	unsigned fault = random_below(&world->random, FAULTS);
	trace(world, "store: an append to chat %zu of broker %u is answered %s", request->chat, request->broker->index,
		fault == NOTHING         ? "NOTHING_ADDED"
		: fault == UNKNOWN_DONE  ? "UNKNOWN, done"
		: fault == UNKNOWN_LATER ? "UNKNOWN, done later"
								 : "UNKNOWN, not done");
	if (fault == UNKNOWN_DONE)
		append(request);
	else if (fault == UNKNOWN_LATER)
		append_later(request);
	request->result.result = fault == NOTHING ? APPEND_NOTHING_ADDED : APPEND_UNKNOWN;
}

static void erase(struct request *request)
{
	struct world *world = request->broker->world;
	bool more = false;
	request->erasure->begun = true;
	request->rc = store_memory.erase(request->broker->store, chat_id_of(request), world_user(world, request->erasure->user), &more, NULL);
	request->done = !more;
}

static void check_reach(struct request *request)
{
	const struct world *world = request->broker->world;
	unsigned from = world_find_user(world, request->user_id);
	request->rc = STORE_OK;
	for (size_t i = 0; i < request->count; i++)
		if (!world->reach[from][request->users[i]][request->both].open)
			request->rc = STORE_NOT_FOUND;
}

static void read_store(struct request *request)
{
	struct store *store = request->broker->store;
	const char *chat_id = chat_id_of(request);
	struct page_limits limits = {1 + random_below(&request->broker->world->random, 5), 1 << 20};
	switch (request->type) {
	case REQUEST_LOAD:
		request->rc = store_memory.load_chat(store, chat_id, &request->chat_record, NULL);
		break;
	case REQUEST_REACH:
		check_reach(request);
		break;
	case REQUEST_MESSAGE:
		request->rc = store_memory.read_message(store, chat_id, request->from, &request->message, NULL);
		break;
	case REQUEST_TAIL:
		request->rc = store_memory.tail(store, request->broker->world->brokers[request->other].writer, request->from, limits.count_max,
			&request->page, &request->to, NULL);
		break;
	case REQUEST_KEY:
		request->rc = store_memory.find_key(store, chat_id, request->user_id, request->key, request->since_ms, &request->number, request->key_hash, NULL);
		break;
	default:
		request->rc = store_memory.read_page(store, chat_id, request->from, request->to, &limits, &request->page, NULL);
	}
}

static void request_do(struct world *world, size_t index)
{
	struct request *request = world->requests[index];
	bool write = request->type == REQUEST_APPEND || request->type == REQUEST_RECEIPTS || request->type == REQUEST_ERASE;
	bool fault = !world->calm && !request->answered && random_chance(&world->random, write ? world->write_fault : world->read_fault);
	if (is_orphan(request) && (!write || random_chance(&world->random, 500))) {
		request_remove(world, index); /* it died with its broker */
		return;
	}
	request->done = true;
	if (request->type == REQUEST_RECEIPTS) {
		request->done = !fault;
		if (!fault)
			store_memory.put_receipts(request->broker->store, request->receipts, 1, NULL);
	} else if (request->type == REQUEST_ERASE) {
		request->done = false;
		if (!fault)
			erase(request);
	} else if (request->type == REQUEST_APPEND && !fault) {
		append(request);
	} else if (request->type == REQUEST_APPEND) {
		append_with_fault(request);
	} else if (!fault) {
		read_store(request);
	} else {
		request->rc = STORE_UNAVAILABLE;
	}
	if (request->done && (request->answered || request->type == REQUEST_RECEIPTS))
		request_remove(world, index);
}

/* ---- answering ---- */

static void answer_load(struct request *request, int64_t now_ms)
{
	struct broker *broker = request->broker;
	if (request->rc == STORE_OK || request->rc == STORE_NOT_FOUND)
		oracle_chat_loaded(broker, request->chat, request->rc == STORE_OK ? request->chat_record->latest : 0);
	core_chat_loaded(broker->core, chat_id_of(request), request->rc, request->chat_record, now_ms);
}

static void answer(struct request *request)
{
	struct core *core = request->broker->core;
	const char *chat_id = chat_id_of(request);
	int64_t now_ms = request->broker->world->mono_ms;
	switch (request->type) {
	case REQUEST_APPEND:
		core_appended(core, chat_id, &request->result, now_ms);
		break;
	case REQUEST_LOAD:
		answer_load(request, now_ms);
		break;
	case REQUEST_REACH:
		core_users_checked(core, chat_id, request->rc, now_ms);
		break;
	case REQUEST_MESSAGE:
		core_message_read(core, chat_id, request->rc, &request->message, now_ms);
		break;
	case REQUEST_KEY:
		core_key_found(core, chat_id, request->rc, request->number, request->key_hash, now_ms);
		break;
	case REQUEST_READ:
		core_page_read(core, chat_id, request->rc, &request->page, now_ms);
		break;
	case REQUEST_TAIL:
		if (request->rc == STORE_OK)
			broker_hears(request->broker, request->other, &request->page, request->to);
		break;
	case REQUEST_ERASE:
		broker_erased(request->broker, request->erasure);
		break;
	case REQUEST_RECEIPTS:
		break;
	}
}

/* ---- picking ---- */

/* The index of a random request that is or is not done; false: there is none. */
static bool pick(struct world *world, bool done, size_t *index)
{
	size_t count = 0;
	for (size_t i = 0; i < world->request_count; i++)
		count += world->requests[i]->done == done;
	if (count == 0)
		return false;
	size_t skip = random_below(&world->random, count);
	for (*index = 0; world->requests[*index]->done != done || skip-- > 0; ++*index)
		;
	return true;
}

bool request_do_any(struct world *world)
{
	size_t index;
	if (!pick(world, false, &index))
		return false;
	request_do(world, index);
	return true;
}

bool request_answer_any(struct world *world)
{
	static const char *const names[] = {"append", "chat", "reach", "key", "message", "page", "receipts", "erasure", "tail"};
	size_t index;
	if (!pick(world, true, &index))
		return false;
	struct request *request = world->requests[index];
	world->requests[index] = world->requests[--world->request_count];
	if (!is_orphan(request)) {
		trace(world, "broker %u: gets the answer about a%s %s of chat %zu: %s", request->broker->index,
			request->type == REQUEST_APPEND ? "n" : "", names[request->type], request->chat,
			request->type == REQUEST_APPEND  ? (const char *[]){"OK", "CONFLICT", "NOTHING_ADDED", "UNKNOWN"}[request->result.result]
			: request->rc == STORE_OK        ? "OK"
			: request->rc == STORE_NOT_FOUND ? "there is none"
											 : "not available");
		answer(request);
	}
	request_free(request);
	return true;
}
