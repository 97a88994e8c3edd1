/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What only MongoDB can have: an operation is several commands, and a broker may stop, or lose an answer, between any two. What the chat is
 * afterwards is compared with what the memory store makes of the same log. Needs $HC_MONGODB (scripts/ferretdb with …). */
#include <pthread.h>
#include <stdio.h>

#include "tests/contract/contract.h"
#include "tests/contract/mongo_words.h"

enum { TRIES = 200 };

/* ---- a command that goes wrong ---- */

/* The call-th write that this thread sends. */
struct plan {
	pthread_t thread;
	unsigned call, calls;
	enum mongo_fault fault;
};

static enum mongo_fault strike(void *context, const char *collection, bool write)
{
	struct plan *plan = context;
	(void)collection;
	if (!write || !pthread_equal(plan->thread, pthread_self()))
		return MONGO_NO_FAULT;
	return ++plan->calls == plan->call ? plan->fault : MONGO_NO_FAULT;
}

static void arm(struct plan *plan, unsigned call, enum mongo_fault fault)
{
	*plan = (struct plan){.thread = pthread_self(), .call = call, .fault = fault};
	mongo_faults = (struct mongo_faults){.decide = strike, .context = plan};
}

static bool disarm(const struct plan *plan)
{
	mongo_faults = (struct mongo_faults){0};
	return plan->calls >= plan->call;
}

/* ---- a conversation ---- */

static struct transaction with_body(struct transaction like, const char *body)
{
	sealed_set(&like.body, body, strlen(body));
	return like;
}

static struct transaction reply(void)
{
	struct transaction like = {.type = TX_MESSAGE, .sender_id = "bob", .key = "s2", .target = 2, .quote_revision = 2};
	sealed_set(&like.quote, "hi", 2);
	return with_body(like, "ho");
}

enum { STEPS = 8, TRANSACTIONS = 10, STEP_MAX = 3 };

/* Everything that changes something beside the log, with messages in between: one append. Returns how many transactions it has. */
static size_t step(int i, struct transaction likes[STEP_MAX])
{
	switch (i) {
	case 0:
		likes[0] = with_body((struct transaction){.type = TX_MEMBER_ADDED, .sender_id = "alice", .key = "s0"},
			"{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"member\"}]}");
		return 1;
	case 1:
		likes[0] = with_body((struct transaction){.type = TX_MESSAGE, .sender_id = "alice", .key = "s1"}, "hi");
		return 1;
	case 2:
		likes[0] = reply();
		return 1;
	case 3: /* he comes, goes and comes */
		likes[0] = with_body((struct transaction){.type = TX_MEMBER_ADDED, .sender_id = "alice", .key = "s3"},
			"{\"members\":[{\"userID\":\"carol\",\"role\":\"admin\"}]}");
		likes[1] = with_body((struct transaction){.type = TX_MEMBER_REMOVED, .sender_id = "carol"}, "{\"userID\":\"carol\"}");
		likes[2] = likes[0];
		likes[2].key = NULL;
		return 3;
	case 4:
		likes[0] = (struct transaction){.type = TX_DELETE, .sender_id = "alice", .key = "s4", .target = 2};
		return 1;
	case 5:
		likes[0] = with_body((struct transaction){.type = TX_MEMBER_REMOVED, .sender_id = "bob", .key = "s5"}, "{\"userID\":\"bob\"}");
		return 1;
	case 6:
		likes[0] = with_body((struct transaction){.type = TX_GROUP_UPDATED, .sender_id = "carol", .key = "s6"},
			"{\"name\":\"We\",\"history\":\"all\"}");
		return 1;
	default:
		likes[0] = with_body((struct transaction){.type = TX_MEMBER_ADDED, .sender_id = "alice", .key = "s7"},
			"{\"members\":[{\"userID\":\"bob\",\"role\":\"admin\"}]}");
		return 1;
	}
}

/* The step as the next append of the chat; bundle_fini. */
static struct bundle make(struct line *line, int i)
{
	struct transaction likes[STEP_MAX];
	struct bundle bundle = {0};
	size_t count = step(i, likes);
	line->at_ms = START_MS + (int64_t)line->latest * 1000;
	for (size_t j = 0; j < count; j++)
		bundle_add(&bundle, line_next(line, likes[j]));
	return bundle;
}

static void look(struct store *store, struct line *line)
{
	struct chat_record *chat = NULL;
	enum store_rc rc = ON(store, load_chat, line->chat_id, &chat, NULL);
	line->latest = 0;
	memset(line->head, 0, HEAD_BYTES);
	if (rc == STORE_NOT_FOUND)
		return;
	assert_int_equal(rc, STORE_OK);
	line->latest = chat->latest;
	memcpy(line->head, chat->head, HEAD_BYTES);
	store_free(chat);
}

/* The same at the same number until it is known. */
static enum append_result repeat(struct store *store, struct append *append)
{
	append->result = APPEND_UNKNOWN;
	for (int i = 0; i < TRIES && (append->result == APPEND_UNKNOWN || append->result == APPEND_NOTHING_ADDED); i++)
		ON(store, append, append, 1, NULL);
	return append->result;
}

/* Gets it in once, whatever happens. */
static void insist(struct store *store, const char *writer, int i)
{
	for (int try = 0; try < TRIES; try++) {
		struct line line = line_new("c");
		line.writer = writer;
		look(store, &line);
		struct bundle bundle = make(&line, i);
		bundle.append.transactions = bundle.transactions;
		enum append_result result = repeat(store, &bundle.append);
		uint64_t duplicate = bundle.append.duplicate_number;
		bundle_fini(&bundle);
		if (result == APPEND_OK || duplicate != 0)
			return;
		assert_int_equal(result, APPEND_CONFLICT);
	}
	fail_msg("a transaction did not get in");
}

/* One try, and then this broker is dead as far as that chat goes. false: it was the last. */
static bool try_once(struct store *store, int i)
{
	struct line line = line_new("c");
	line.writer = "dying";
	look(store, &line);
	struct bundle bundle = make(&line, i);
	bundle.append.transactions = bundle.transactions;
	ON(store, append, &bundle.append, 1, NULL);
	bool done = bundle.append.result == APPEND_OK;
	bundle_fini(&bundle);
	return done;
}

/* ---- the loops ---- */

static void assert_conversation(struct store *store)
{
	assert_as_in_memory(store, "c");
	assert_int_equal(assert_sound(store, "c"), TRANSACTIONS);
}

/* Asked by user, before anybody asked for the chat. ROLE_NONE: he has no such chat. */
static enum role role_by_user(struct store *store, const char *user_id)
{
	struct user_record *user = NULL;
	enum role role = ROLE_NONE;
	enum store_rc rc = ON(store, load_memberships, user_id, &user, NULL);
	if (rc == STORE_NOT_FOUND)
		return role;
	assert_int_equal(rc, STORE_OK);
	if (user->chat_count > 0)
		role = user->chats[0].role;
	store_free(user);
	return role;
}

static enum role role_by_chat(struct store *store, const char *user_id)
{
	struct chat_record *chat = NULL;
	enum role role = ROLE_NONE;
	enum store_rc rc = ON(store, load_chat, "c", &chat, NULL);
	for (size_t i = 0; rc == STORE_OK && i < chat->member_count; i++)
		if (strcmp(chat->members[i].user_id, user_id) == 0)
			role = chat->members[i].role;
	store_free(chat);
	return role;
}

static void assert_same_for_each_who_asks_first(struct store *store)
{
	static const char *const user_ids[] = {"alice", "bob", "carol"};
	enum role roles[3];
	for (size_t i = 0; i < 3; i++)
		roles[i] = role_by_user(store, user_ids[i]);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(roles[i], role_by_chat(store, user_ids[i]));
}

static bool survives_dying_at(unsigned call, enum mongo_fault fault)
{
	struct world *world = world_new();
	struct plan plan;
	int i = 0;
	arm(&plan, call, fault);
	while (i < STEPS && try_once(world->store, i))
		i++;
	bool struck = disarm(&plan);
	assert_true(struck || i == STEPS);
	assert_same_for_each_who_asks_first(world->other);
	assert_as_in_memory(world->other, "c"); /* whatever is in the log counts for everybody, at once */
	for (; i < STEPS; i++)
		insist(world->other, "other", i);
	assert_conversation(world->other);
	assert_conversation(world->store);
	world_free(world);
	return struck;
}

static void a_broker_may_die_at_any_command_and_the_other_one_goes_on(void **state)
{
	static const enum mongo_fault faults[] = {MONGO_FAIL, MONGO_DO_AND_LOSE};
	(void)state;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		unsigned call = 1;
		while (survives_dying_at(call, faults[i]))
			assert_true(++call < 200);
		assert_true(call > STEPS * 3); /* it did strike everywhere */
	}
}

static bool survives_repeating_at(unsigned call, enum mongo_fault fault)
{
	struct world *world = world_new();
	struct plan plan;
	arm(&plan, call, fault);
	for (int i = 0; i < STEPS; i++)
		insist(world->store, "w1", i);
	bool struck = disarm(&plan);
	assert_conversation(world->store);
	assert_conversation(world->other);
	world_free(world);
	return struck;
}

static void any_command_may_fail_or_be_lost_or_lose_its_answer(void **state)
{
	static const enum mongo_fault faults[] = {MONGO_FAIL, MONGO_LOSE, MONGO_DO_AND_LOSE};
	(void)state;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		unsigned call = 1;
		while (survives_repeating_at(call, faults[i]))
			assert_true(++call < 200);
		assert_true(call > STEPS * 3);
	}
}

/* ---- two brokers and a reader ---- */

struct racer {
	pthread_t id;
	struct store *store;
	const char *name;
	bool *stop;
	char failure[100];
};

/* An operator may race for longer, while he plays with his servers (docs/storage.md). */
static int race_steps(void)
{
	const char *steps = getenv("HC_STEPS");
	return steps ? atoi(steps) : 30;
}

static struct transaction race_step(const char *name, int i, char key[16], char body[200])
{
	snprintf(key, 16, "%s%d", name, i);
	if (i % 5 == 1)
		snprintf(body, 200, "{\"members\":[{\"userID\":\"%s-friend\",\"role\":\"member\"},{\"userID\":\"both\",\"role\":\"member\"}]}", name);
	else if (i % 5 == 3)
		snprintf(body, 200, "{\"userID\":\"%s\"}", i % 2 ? "both" : "left-friend");
	else
		snprintf(body, 200, "%s says %d", name, i);
	enum transaction_type type = i % 5 == 1 ? TX_MEMBER_ADDED : i % 5 == 3 ? TX_MEMBER_REMOVED : TX_MESSAGE;
	return (struct transaction){.type = type, .sender_id = name, .key = key};
}

static bool get_in(struct racer *racer, struct transaction like)
{
	struct chat_record *chat = NULL;
	struct line line = line_new("c");
	line.writer = racer->name;
	if (ON(racer->store, load_chat, "c", &chat, NULL) != STORE_OK)
		return false;
	line.latest = chat->latest;
	memcpy(line.head, chat->head, HEAD_BYTES);
	line.at_ms = START_MS + (int64_t)chat->latest * 1000;
	store_free(chat);
	struct transaction *tx = line_next(&line, like);
	struct append append = {.chat_id = "c", .transactions = &tx, .transaction_count = 1};
	enum append_result result = repeat(racer->store, &append);
	transaction_free(tx);
	return result == APPEND_OK;
}

static void *race(void *arg)
{
	struct racer *racer = arg;
	for (int i = 0; i < race_steps(); i++) {
		char key[16], body[200];
		struct transaction like = race_step(racer->name, i, key, body);
		sealed_set(&like.body, body, strlen(body));
		int tries = 0;
		while (!get_in(racer, like) && tries < 1000)
			tries++;
		if (tries == 1000) {
			snprintf(racer->failure, sizeof racer->failure, "step %d of %s did not get in", i, racer->name);
			return NULL;
		}
	}
	return NULL;
}

/* At any moment what is read is the log up to its latest number, folded: nothing of it missing, nothing ahead. */
static void *watch(void *arg)
{
	struct racer *racer = arg;
	while (!__atomic_load_n(racer->stop, __ATOMIC_ACQUIRE) && racer->failure[0] == '\0') {
		struct chat_record *chat = NULL;
		if (ON(racer->store, load_chat, "c", &chat, NULL) != STORE_OK)
			continue;
		compare_with_memory(racer->store, chat, racer->failure, sizeof racer->failure);
		store_free(chat);
	}
	return NULL;
}

static void changes_of_members_by_two_brokers_are_exact_for_a_reader_at_any_moment(void **state)
{
	struct world *world = *state;
	bool stop = false;
	struct racer left = {.store = world->store, .name = "left"}, right = {.store = world->other, .name = "right"};
	struct racer reader = {.store = world->other, .name = "reader", .stop = &stop};
	insist(world->store, "left", 0);
	assert_int_equal(pthread_create(&reader.id, NULL, watch, &reader), 0);
	assert_int_equal(pthread_create(&left.id, NULL, race, &left), 0);
	assert_int_equal(pthread_create(&right.id, NULL, race, &right), 0);
	pthread_join(left.id, NULL);
	pthread_join(right.id, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(reader.id, NULL);
	assert_string_equal(left.failure, "");
	assert_string_equal(right.failure, "");
	assert_string_equal(reader.failure, "");
	assert_as_in_memory(world->store, "c");
	assert_int_equal(assert_sound(world->store, "c"), 1 + 2 * race_steps());
}

/* ---- notices ---- */

static void notice(struct store *store, const char *subject, enum store_rc rc)
{
	assert_int_equal(ON(store, put_notice, "reach", subject, START_MS, NULL), rc);
}

/* Who took the number may have died, or be about to use it. */
static void who_begins_while_a_notice_has_a_number_and_is_not_there_does_so_behind_it(void **state)
{
	struct world *world = *state;
	struct plan plan;
	struct notice_list *notices;
	uint64_t end = 0, next = 0;
	notice(world->store, "alice", STORE_OK);
	arm(&plan, 2, MONGO_FAIL); /* the first one takes the number */
	notice(world->store, "bob", STORE_UNAVAILABLE);
	assert_true(disarm(&plan));
	for (int i = 0; i < 250; i++)
		notice(world->store, "carol", STORE_OK);
	assert_int_equal(ON(world->other, read_notices, UINT64_MAX, 200, &notices, &end, NULL), STORE_OK);
	assert_int_equal(notices->count, 0);
	store_free(notices);
	notice(world->store, "dave", STORE_OK);
	assert_int_equal(ON(world->other, read_notices, end, 200, &notices, &next, NULL), STORE_OK);
	assert_int_equal(notices->count, 1);
	assert_string_equal(notices->notices[0].subject, "dave");
	assert_int_equal(next, end + 1);
	store_free(notices);
}

/* ---- damage ---- */

static void who_reads_along_passes_over_a_document_that_is_damaged(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	for (int i = 0; i < 3; i++)
		assert_appended(world->store, line_says(&line, "alice", "hi"));
	run_on_database(world, "{\"update\": \"log\", \"updates\": [{\"q\": {\"n\": 2}, \"u\": {\"$set\": {\"t\": \"nothing\"}}}]}");
	assert_second_is_passed_over(world->other, "w1");
}

/* What changes the members of `c` is given out once they are brought up to date; another writer's part of that log is damaged. */
static void who_reads_along_passes_over_what_cannot_be_folded(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c"), d = line_new("d");
	c.writer = "w2";
	assert_appended(world->store, line_adds(&c, "alice", ROLE_OWNER));
	c.writer = "w1";
	assert_appended(world->store, line_says(&d, "alice", "1"));
	assert_appended(world->store, line_adds(&c, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_says(&d, "alice", "2"));
	assert_appended(world->store, line_says(&d, "alice", "3"));
	run_on_database(world, "{\"update\": \"log\", \"updates\": [{\"q\": {\"w\": \"w2\"}, \"u\": {\"$set\": {\"t\": \"nothing\"}}}]}");
	run_on_database(world, "{\"update\": \"chats\", \"updates\": [{\"q\": {\"_id\": \"c\"}, \"u\": {\"$set\": {\"a\": 0}}}]}");
	struct page page = {0};
	uint64_t position = 0;
	page = read_tail(world->other, "w1", 0, 10, &position);
	assert_int_equal(page.count, 1);
	store_page_free(&page);
	assert_int_equal(ON(world->other, tail, "w1", position, 10, &page, &position, NULL), STORE_CORRUPT);
	page = read_tail(world->other, "w1", position, 10, NULL);
	assert_int_equal(page.count, 2);
	assert_string_equal(page.transactions[0]->body.text, "2");
	store_page_free(&page);
}

/* Nor are they sent by the server: a message may have thousands. */
static void replies_are_not_looked_at_where_their_message_is_read(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct message_state message = {0};
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_replies(&line, "bob", 1, "ho", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 1, "hello"));
	run_on_database(world, "{\"update\": \"log\", \"updates\": [{\"q\": {\"n\": 2}, \"u\": {\"$unset\": {\"t.0.x\": \"\"}}}]}");
	assert_int_equal(ON_WORLD(read_message, "c", 1, &message, NULL), STORE_OK);
	assert_string_equal(message.edit->body.text, "hello");
	message_state_free(&message);
}

static void an_edit_that_is_damaged_is_not_taken_for_none(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct message_state message = {0};
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 1, "hello"));
	run_on_database(world, "{\"update\": \"log\", \"updates\": [{\"q\": {\"n\": 2}, \"u\": {\"$set\": {\"t\": \"nothing\"}}}]}");
	assert_int_equal(ON_WORLD(read_message, "c", 1, &message, NULL), STORE_CORRUPT);
}

static void an_edit_that_is_damaged_does_not_matter_to_who_does_not_see_it(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	line_makes_edits(&line, world->store);
	run_on_database(world, "{\"update\": \"log\", \"updates\": [{\"q\": {\"n\": 6}, \"u\": {\"$set\": {\"t\": \"nothing\"}}}]}");
	assert_edit_of_former_member(world->store);
}

static void who_reads_along_is_told_what_is_wrong_with_the_chat_that_he_passes_over(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c"), d = line_new("d");
	struct line *const lines[] = {&c, &d};
	struct page none = {0};
	uint64_t position = 0;
	for (size_t i = 0; i < 2; i++) {
		lines[i]->writer = "w2";
		assert_appended(world->store, line_adds(lines[i], "alice", ROLE_OWNER));
		lines[i]->writer = "w1";
		assert_appended(world->store, line_adds(lines[i], "bob", ROLE_MEMBER));
	}
	run_on_database(world, "{\"update\": \"log\", \"updates\": [{\"q\": {\"w\": \"w2\"}, \"u\": {\"$set\": {\"t\": \"nothing\"}}, \"multi\": true}]}");
	run_on_database(world, "{\"update\": \"chats\", \"updates\": [{\"q\": {}, \"u\": {\"$set\": {\"a\": 0}}, \"multi\": true}]}");
	for (size_t i = 0; i < 2; i++) {
		struct error err = {0};
		char words[40];
		snprintf(words, sizeof words, "chat %s ", lines[i]->chat_id);
		assert_int_equal(ON(world->other, tail, "w1", position, 10, &none, &position, &err), STORE_CORRUPT);
		assert_non_null(strstr(err.text, words));
	}
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		cmocka_unit_test(a_broker_may_die_at_any_command_and_the_other_one_goes_on),
		cmocka_unit_test(any_command_may_fail_or_be_lost_or_lose_its_answer),
		STORY(who_begins_while_a_notice_has_a_number_and_is_not_there_does_so_behind_it),
		STORY(who_reads_along_passes_over_a_document_that_is_damaged),
		STORY(who_reads_along_passes_over_what_cannot_be_folded),
		STORY(replies_are_not_looked_at_where_their_message_is_read),
		STORY(an_edit_that_is_damaged_is_not_taken_for_none),
		STORY(an_edit_that_is_damaged_does_not_matter_to_who_does_not_see_it),
		STORY(who_reads_along_is_told_what_is_wrong_with_the_chat_that_he_passes_over),
		STORY(changes_of_members_by_two_brokers_are_exact_for_a_reader_at_any_moment),
	};
	if (!world_choose("mongodb") || !world_has_what_it_needs()) {
		fprintf(stderr, "HC_MONGODB must name a server (scripts/ferretdb with … starts one)\n");
		return 2;
	}
	cmocka_set_test_filter(getenv("HC_STORY"));
	return cmocka_run_group_tests_name("mongo", stories, NULL, NULL);
}
