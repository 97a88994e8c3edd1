/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The core between its ports, one story at a time. The simulator (tests/sim) tells thousands in any order; here stand those that it cannot
 * tell, because its store is sound, and those that say how something happens and not only that it does.
 *
 * Ports write down what they are called for. happened() ends the loop's round, compares that with what a story expects, and begins a new
 * page. */
#include "chat_kit.h"

#include <stdio.h>

#include "plugin/chat/core.h"

struct scene {
	struct core *core;
	struct buf happened;
	struct transaction *const *sent; /* the last append's */
	size_t sent_count;
	struct chat *shown;   /* as of the last committed */
	struct command *next; /* issued from inside the next answer */
	int64_t now_ms;
	int64_t retry_after_ms; /* of the last refusal */
};

static void note(struct scene *scene, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct scene *scene, const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	buf_printf(&scene->happened, "%s%s", scene->happened.len > 0 ? ", " : "", text);
}

static void happened(struct scene *scene, const char *expected)
{
	if (scene->core != NULL)
		core_flush(scene->core);
	assert_string_equal(scene->happened.data ? scene->happened.data : "", expected);
	buf_clear(&scene->happened);
	if (scene->happened.data != NULL)
		scene->happened.data[0] = '\0';
}

/* ---- ports ---- */

static void on_append(void *context, const char *chat_id, struct transaction *const *transactions, size_t count)
{
	struct scene *scene = context;
	(void)chat_id;
	scene->sent = transactions;
	scene->sent_count = count;
	note(scene, "append %d-%d", (int)transactions[0]->number, (int)transactions[count - 1]->number);
}

static void on_load(void *context, const char *chat_id)
{
	note(context, "load %s", chat_id);
}

static void on_check_user(void *context, const char *chat_id, const char *user_id)
{
	(void)chat_id;
	note(context, "user %s?", user_id);
}

static void on_find_key(void *context, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms)
{
	(void)chat_id;
	(void)since_ms;
	note(context, "key %s/%s?", sender_id, key);
}

static void on_read(void *context, const char *chat_id, enum core_read what, uint64_t from, uint64_t to)
{
	(void)chat_id;
	if (what == CORE_READ_QUOTE)
		note(context, "quote %d-%d?", (int)from, (int)to);
	else
		note(context, "log from %d?", (int)from);
}

static void on_put_receipts(void *context, const struct receipt *receipts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		note(context, "store %s received %d read %d", receipts[i].user_id, (int)receipts[i].received, (int)receipts[i].read);
}

static void on_committed(void *context, struct chat *chat, struct transaction *tx)
{
	struct scene *scene = context;
	scene->shown = chat;
	assert_int_equal(chat->latest, tx->number);
	note(scene, "show %d", (int)tx->number);
}

static void on_answer(void *context, struct command *command, const struct answer *answer)
{
	struct scene *scene = context;
	assert_string_equal(answer->chat_id, command->chat_id);
	scene->retry_after_ms = answer->refused != NULL ? answer->refused->retry_after_ms : 0;
	if (answer->refused != NULL)
		note(scene, "%s refused: %s", command->key, refusal_name(answer->refused->code));
	else
		note(scene, "%s %s %d", command->key, answer->repeated ? "was" : "is", (int)answer->number);
	command_free(command);
	struct command *next = scene->next;
	scene->next = NULL;
	if (next != NULL)
		core_command(scene->core, next, scene->now_ms);
}

static bool on_may_begin(void *context, const struct command *command, struct verdict *verdict)
{
	(void)context;
	(void)command;
	(void)verdict;
	return true;
}

static void on_report(void *context, const char *chat_id, const char *what)
{
	(void)what;
	note(context, "report %s", chat_id);
}

/* ---- words ---- */

static struct scene *scene_new(size_t chats_max)
{
	struct scene *scene = mem_zero(sizeof *scene);
	scene->now_ms = 100000;
	scene->core = core_new(&(struct core_ports){
		.context = scene,
		.writer = "w",
		.chats_max = chats_max,
		.append = on_append,
		.load_chat = on_load,
		.check_user = on_check_user,
		.find_key = on_find_key,
		.read = on_read,
		.put_receipts = on_put_receipts,
		.committed = on_committed,
		.answer = on_answer,
		.may_begin = on_may_begin,
		.report = on_report,
	});
	return scene;
}

static void scene_free(struct scene *scene)
{
	core_free(scene->core);
	buf_fini(&scene->happened);
	free(scene);
}

static void issue(struct scene *scene, struct command *command)
{
	core_command(scene->core, command, scene->now_ms);
}

static void say(struct scene *scene, const char *user, const char *key)
{
	issue(scene, send_command(user, key, "hi"));
}

/* The store's chat of alice and bob, whose latest number is `latest`; the log that leads there is the same each time. */
static struct chat *stored_chat(uint64_t latest)
{
	struct chat *chat = chat_new("chat");
	static const char members[] = "{\"members\":[{\"userID\":\"alice\",\"role\":\"member\"},{\"userID\":\"bob\",\"role\":\"member\"}]}";
	while (chat->latest < latest) {
		bool first = chat->latest == 0;
		struct transaction draft = {.chat_id = "chat",
			.number = chat->latest + 1,
			.type = first ? TX_MEMBER_ADDED : TX_MESSAGE,
			.sender_id = "alice",
			.writer = "other",
			.body = {.text = first ? members : "theirs", .len = first ? sizeof members - 1 : 6, .present = true}};
		transaction_head(&draft, chat->head, draft.head);
		struct transaction *tx = transaction_new(&draft);
		assert_true(chat_apply(chat, tx));
		transaction_free(tx);
	}
	return chat;
}

static void loads_record(struct scene *scene, const struct chat *chat)
{
	struct interval times[] = {{1, 0}};
	struct member_record members[] = {
		{.user_id = "alice", .role = ROLE_MEMBER, .interval_count = 1, .intervals = times},
		{.user_id = "bob", .role = ROLE_MEMBER, .interval_count = 1, .intervals = times},
	};
	struct chat_record record = {.chat_id = "chat", .latest = chat->latest, .member_count = 2, .members = members};
	memcpy(record.head, chat->head, HEAD_BYTES);
	core_chat_loaded(scene->core, "chat", STORE_OK, &record, scene->now_ms);
}

static void loads(struct scene *scene, uint64_t latest)
{
	struct chat *chat = stored_chat(latest);
	loads_record(scene, chat);
	chat_free(chat);
}

static void load_fails(struct scene *scene)
{
	core_chat_loaded(scene->core, "chat", STORE_UNAVAILABLE, NULL, scene->now_ms);
}

/* What was decided is on its way since the end of its round, and now the answer is there. */
static void append_ends(struct scene *scene, const struct append *append)
{
	core_flush(scene->core);
	core_appended(scene->core, "chat", append, scene->now_ms);
}

static void appended(struct scene *scene, enum append_result result)
{
	append_ends(scene, &(struct append){.result = result});
}

static void append_finds_key(struct scene *scene, size_t index, uint64_t number)
{
	append_ends(scene, &(struct append){.result = APPEND_CONFLICT, .duplicate_index = index, .duplicate_number = number});
}

/* A core that has the chat in memory, with the latest number. */
static struct scene *scene_with_chat(uint64_t latest)
{
	struct scene *scene = scene_new(0);
	say(scene, "alice", "first");
	loads(scene, latest - 1);
	appended(scene, APPEND_OK);
	happened(scene, latest == 3 ? "load chat, append 3-3, show 3, first is 3" : "load chat, append 2-2, show 2, first is 2");
	return scene;
}

static void key_is(struct scene *scene, const struct command *same, uint64_t number)
{
	static const unsigned char nothing[ID_BYTES];
	core_key_found(scene->core, "chat", number > 0 ? STORE_OK : STORE_NOT_FOUND, number, same ? same->key_hash : nothing, scene->now_ms);
}

/* The log of stored_chat from…to arrives after a conflict. */
static void log_arrives(struct scene *scene, const struct chat *stored, uint64_t from, bool more)
{
	struct transaction *transactions[10];
	struct page page = {.transactions = transactions, .latest = stored->latest, .more = more};
	for (uint64_t number = from; number <= stored->latest; number++)
		transactions[page.count++] = chat_recent(stored, number);
	core_page_read(scene->core, "chat", CORE_READ_CONFLICT, STORE_OK, &page, scene->now_ms);
}

static void time_passes(struct scene *scene, int64_t ms)
{
	scene->now_ms += ms;
	core_tick(scene->core, scene->now_ms);
}

/* ---- stories: the plain way ---- */

static void test_a_command_waits_for_its_chat(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	say(scene, "alice", "a1");
	say(scene, "bob", "b1");
	happened(scene, "load chat");
	loads(scene, 1);
	happened(scene, "append 2-3");
	assert_int_equal(core_command_count(scene->core), 2);
	appended(scene, APPEND_OK);
	happened(scene, "show 2, a1 is 2, show 3, b1 is 3");
	assert_int_equal(core_command_count(scene->core), 0);
	scene_free(scene);
}

static void test_what_a_round_brings_is_one_append(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	say(scene, "alice", "a1");
	say(scene, "bob", "b1");
	say(scene, "alice", "a2");
	assert_int_equal(scene->happened.len, 0);
	core_flush(scene->core);
	happened(scene, "append 3-5");
	core_flush(scene->core);
	happened(scene, "");
	scene_free(scene);
}

static void test_one_append_is_under_way_at_a_time(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	say(scene, "alice", "a1");
	happened(scene, "append 3-3");
	say(scene, "alice", "a2");
	say(scene, "bob", "b1");
	happened(scene, "");
	appended(scene, APPEND_OK);
	happened(scene, "show 3, a1 is 3, append 4-5");
	appended(scene, APPEND_OK);
	happened(scene, "show 4, a2 is 4, show 5, b1 is 5");
	scene_free(scene);
}

static void test_the_first_message_asks_for_the_other_one(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, send_to("alice", "bob", "a1", "hi"));
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	happened(scene, "load chat, user bob?");
	core_user_checked(scene->core, "chat", STORE_OK, scene->now_ms);
	happened(scene, "append 1-2");
	appended(scene, APPEND_OK);
	happened(scene, "show 1, show 2, a1 is 2");
	scene_free(scene);
}

static void test_nobody_writes_to_who_does_not_exist(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, send_to("alice", "nobody", "a1", "hi"));
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	core_user_checked(scene->core, "chat", STORE_NOT_FOUND, scene->now_ms);
	happened(scene, "load chat, user nobody?, a1 refused: forbidden");
	assert_null(core_peek(scene->core, "chat"));
	scene_free(scene);
}

static void test_who_waits_for_an_answer_holds_up_his_chat_only(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, send_to("alice", "bob", "a1", "hi"));
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	issue(scene, send_to("bob", "alice", "b1", "hi"));
	struct command *elsewhere = send_to("alice", "carol", "a2", "hi");
	free(elsewhere->chat_id);
	elsewhere->chat_id = mem_text("another");
	issue(scene, elsewhere);
	happened(scene, "load chat, user bob?, load another");
	core_chat_loaded(scene->core, "another", STORE_NOT_FOUND, NULL, scene->now_ms);
	core_user_checked(scene->core, "another", STORE_OK, scene->now_ms);
	happened(scene, "user carol?, append 1-2");
	scene_free(scene);
}

static void test_a_quote_is_read_from_the_store(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	issue(scene, reply_command("bob", "b1", "yes", 2));
	loads_record(scene, stored);
	happened(scene, "load chat, quote 2-2?");
	struct transaction *old = chat_recent(stored, 2);
	core_page_read(scene->core, "chat", CORE_READ_QUOTE, STORE_OK, &(struct page){.transactions = &old, .count = 1}, scene->now_ms);
	happened(scene, "append 4-4");
	assert_string_equal(scene->sent[0]->quote.text, "theirs");
	chat_free(stored);
	scene_free(scene);
}

static void test_a_quote_that_is_not_there_refuses_the_reply(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, reply_command("bob", "b1", "yes", 2));
	loads(scene, 3);
	core_page_read(scene->core, "chat", CORE_READ_QUOTE, STORE_OK, &(struct page){0}, scene->now_ms);
	happened(scene, "load chat, quote 2-2?, b1 refused: forbidden");
	issue(scene, reply_command("bob", "b2", "yes", 2));
	core_page_read(scene->core, "chat", CORE_READ_QUOTE, STORE_NOT_FOUND, NULL, scene->now_ms);
	happened(scene, "quote 2-2?, b2 refused: forbidden");
	scene_free(scene);
}

/* ---- stories: the store has troubles ---- */

static void repeats_after(enum append_result trouble)
{
	struct scene *scene = scene_with_chat(2);
	say(scene, "alice", "a1");
	happened(scene, "append 3-3");
	struct transaction *first = transaction_ref(scene->sent[0]);
	appended(scene, trouble);
	say(scene, "alice", "a2"); /* is not mixed into what is repeated */
	happened(scene, "");
	time_passes(scene, 50);
	happened(scene, "append 3-3");
	assert_ptr_equal(scene->sent[0], first); /* the very same, not one like it */
	assert_int_equal(scene->sent_count, 1);
	appended(scene, APPEND_OK);
	happened(scene, "show 3, a1 is 3, append 4-4");
	transaction_free(first);
	scene_free(scene);
}

static void test_what_was_not_added_is_repeated(void **state)
{
	(void)state;
	repeats_after(APPEND_NOTHING_ADDED);
}

static void test_what_is_unknown_is_repeated_as_it_was(void **state)
{
	(void)state;
	repeats_after(APPEND_UNKNOWN);
}

static void test_pauses_grow_up_to_a_second(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	static const int pauses[] = {20, 40, 80, 160, 320, 640, 1000, 1000};
	say(scene, "alice", "a1");
	happened(scene, "append 3-3");
	for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
		appended(scene, APPEND_NOTHING_ADDED);
		assert_int_equal(core_tick(scene->core, scene->now_ms), pauses[i]);
		time_passes(scene, pauses[i] - 1);
		happened(scene, "");
		time_passes(scene, 1);
		happened(scene, "append 3-3");
	}
	appended(scene, APPEND_OK);
	happened(scene, "show 3, a1 is 3");
	assert_int_equal(core_tick(scene->core, scene->now_ms), -1);
	scene_free(scene);
}

static void test_questions_are_asked_again(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, send_to("alice", "bob", "a1", "hi"));
	load_fails(scene);
	time_passes(scene, 20);
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	happened(scene, "load chat, load chat, user bob?");
	core_user_checked(scene->core, "chat", STORE_UNAVAILABLE, scene->now_ms);
	time_passes(scene, 20);
	happened(scene, "user bob?");
	core_user_checked(scene->core, "chat", STORE_OK, scene->now_ms);
	happened(scene, "append 1-2");
	scene_free(scene);
}

static void load_finds_a_contradiction(struct scene *scene)
{
	core_chat_loaded(scene->core, "chat", STORE_CORRUPT, NULL, scene->now_ms);
}

static void test_a_chat_that_contradicts_itself_is_reported_once_and_its_commands_are_refused(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	say(scene, "alice", "a1");
	say(scene, "bob", "b1");
	load_finds_a_contradiction(scene);
	happened(scene, "load chat, report chat, a1 refused: unavailable, b1 refused: unavailable");
	assert_true(scene->retry_after_ms > 0);
	time_passes(scene, 100000);
	happened(scene, ""); /* nobody waits, so nothing is tried */
	scene->next = send_command("alice", "a3", "hi");
	say(scene, "alice", "a2");
	load_finds_a_contradiction(scene);
	happened(scene, "load chat, a2 refused: unavailable, load chat");
	loads(scene, 1); /* somebody has mended it */
	happened(scene, "append 2-2");
	scene_free(scene);
}

/* ---- stories: somebody else wrote ---- */

static void test_after_a_conflict_the_log_is_read_and_all_is_decided_anew(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(4);
	say(scene, "alice", "a1");
	issue(scene, if_latest(send_command("bob", "b1", "hi"), 3));
	loads(scene, 2);
	happened(scene, "load chat, append 3-4");
	appended(scene, APPEND_CONFLICT);
	say(scene, "alice", "a2"); /* waits like the others */
	happened(scene, "log from 3?");
	log_arrives(scene, stored, 3, false);
	happened(scene, "show 3, show 4, key bob/b1?, append 5-5");
	key_is(scene, NULL, 0);
	happened(scene, "b1 refused: conflict");
	appended(scene, APPEND_OK);
	happened(scene, "show 5, a1 is 5, append 6-6");
	appended(scene, APPEND_OK);
	happened(scene, "show 6, a2 is 6");
	chat_free(stored);
	scene_free(scene);
}

static void test_a_long_log_is_read_in_pages(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *three = stored_chat(3), *four = stored_chat(4);
	say(scene, "alice", "a1");
	loads(scene, 2);
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, three, 3, true);
	happened(scene, "load chat, append 3-3, log from 3?, show 3, log from 4?");
	log_arrives(scene, four, 4, false);
	happened(scene, "show 4, append 5-5");
	chat_free(three);
	chat_free(four);
	scene_free(scene);
}

static void test_a_log_that_cannot_be_seen_yet_is_read_again_later(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *behind = stored_chat(2), *stored = stored_chat(3);
	say(scene, "alice", "a1");
	loads(scene, 2);
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, behind, 3, false);
	happened(scene, "load chat, append 3-3, log from 3?");
	time_passes(scene, 20);
	log_arrives(scene, stored, 3, false);
	happened(scene, "log from 3?, show 3, append 4-4");
	chat_free(behind);
	chat_free(stored);
	scene_free(scene);
}

static void test_an_id_that_the_store_knows_is_a_repetition(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct command *same = send_command("alice", "a1", "hi");
	say(scene, "bob", "b1");
	say(scene, "alice", "a1");
	loads(scene, 3);
	happened(scene, "load chat, append 4-5");
	append_finds_key(scene, 1, 2);
	happened(scene, "key alice/a1?");
	key_is(scene, same, 2);
	happened(scene, "a1 was 2, append 4-4");
	appended(scene, APPEND_OK);
	happened(scene, "show 4, b1 is 4");
	command_free(same);
	scene_free(scene);
}

static void test_an_id_that_the_store_knows_with_another_content_is_refused(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	say(scene, "alice", "a1");
	loads(scene, 3);
	append_finds_key(scene, 0, 2);
	key_is(scene, NULL, 2);
	happened(scene, "load chat, append 4-4, key alice/a1?, a1 refused: id_reused");
	scene_free(scene);
}

/* Written by this broker before a crash and not seen when the chat was loaded, or by another broker. */
static void test_a_repetition_of_what_is_not_shown_yet_shows_it(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	struct command *same = send_command("alice", "a1", "hi");
	say(scene, "alice", "a1");
	loads(scene, 2);
	append_finds_key(scene, 0, 3);
	key_is(scene, same, 3);
	happened(scene, "load chat, append 3-3, key alice/a1?, a1 was 3, log from 3?");
	log_arrives(scene, stored, 3, false);
	happened(scene, "show 3");
	command_free(same);
	chat_free(stored);
	scene_free(scene);
}

/* Told apart by their conditions, which are no content: the first two fail, the third comes through. */
static void test_repetitions_keep_their_order_through_a_conflict(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	issue(scene, if_latest(send_command("alice", "a1", "hi"), 2));
	issue(scene, if_latest(send_command("alice", "a1", "hi"), 1));
	say(scene, "alice", "a1");
	say(scene, "bob", "b1");
	loads(scene, 2);
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, stored, 3, false);
	happened(scene, "load chat, append 3-4, log from 3?, show 3, key alice/a1?");
	key_is(scene, NULL, 0);
	happened(scene, "a1 refused: conflict, key alice/a1?");
	key_is(scene, NULL, 0);
	happened(scene, "a1 refused: conflict, append 4-5");
	appended(scene, APPEND_OK);
	happened(scene, "show 4, a1 is 4, show 5, b1 is 5");
	chat_free(stored);
	scene_free(scene);
}

static void test_what_was_found_out_before_the_log_grew_is_asked_again(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	struct command *same = send_command("alice", "a1", "hi");
	say(scene, "bob", "b1");
	loads(scene, 2);
	issue(scene, if_latest(send_command("alice", "a1", "hi"), 0));
	happened(scene, "load chat, key alice/a1?, append 3-3");
	appended(scene, APPEND_CONFLICT);
	key_is(scene, same, 0); /* not used, when the store looked */
	happened(scene, "log from 3?");
	log_arrives(scene, stored, 3, false);
	happened(scene, "show 3, key alice/a1?, append 4-4");
	key_is(scene, same, 3);
	happened(scene, "a1 was 3");
	command_free(same);
	chat_free(stored);
	scene_free(scene);
}

/* ---- stories: the log is another one ---- */

static struct chat *other_log(void)
{
	struct chat *chat = stored_chat(2);
	log_message(chat, "bob", "x", "salted anew");
	log_message(chat, "bob", "y", "and on");
	return chat;
}

static void test_a_log_that_does_not_follow_is_loaded_anew(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(3);
	struct chat *other = other_log();
	assert_true(chat_receive(scene->shown, "bob", 3, 1));
	core_receipts_changed(scene->core, scene->shown);
	say(scene, "alice", "a1");
	appended(scene, APPEND_CONFLICT);
	happened(scene, "append 4-4, log from 4?");
	log_arrives(scene, other, 4, false);
	happened(scene, "report chat, store bob received 3 read 1, load chat"); /* receipts are not forgotten with it */
	assert_int_equal(core_flush_receipts(scene->core), 0);
	loads_record(scene, other);
	happened(scene, "append 5-5");
	chat_free(other);
	scene_free(scene);
}

static void test_a_question_survives_that_its_chat_is_loaded_anew(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(3);
	struct chat *other = other_log();
	say(scene, "alice", "a1");
	issue(scene, reply_command("bob", "b1", "yes", 1));
	issue(scene, reply_command("bob", "b2", "yes", 2));
	happened(scene, "quote 1-1?, append 4-4");
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, other, 4, false);
	happened(scene, "log from 4?, report chat, load chat");
	core_page_read(scene->core, "chat", CORE_READ_QUOTE, STORE_UNAVAILABLE, NULL, scene->now_ms);
	time_passes(scene, 20);
	happened(scene, "quote 1-1?");
	loads_record(scene, other);
	happened(scene, "");
	core_page_read(scene->core, "chat", CORE_READ_QUOTE, STORE_OK, &(struct page){0}, scene->now_ms);
	happened(scene, "b1 refused: forbidden, quote 2-2?, append 5-5");
	chat_free(other);
	scene_free(scene);
}

/* ---- stories: calls from inside ---- */

static void test_an_answer_may_bring_the_next_command(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	say(scene, "alice", "a1");
	happened(scene, "append 3-3");
	say(scene, "alice", "a2");
	say(scene, "alice", "a3");
	appended(scene, APPEND_OK);
	happened(scene, "show 3, a1 is 3, append 4-5");
	scene->next = send_command("bob", "b1", "hi");
	appended(scene, APPEND_OK);
	happened(scene, "show 4, a2 is 4, show 5, a3 is 5, append 6-6");
	scene->next = send_command("alice", "a1", "hi");
	appended(scene, APPEND_OK);
	happened(scene, "show 6, b1 is 6, a1 was 3");
	scene_free(scene);
}

/* ---- visits ---- */

static void on_visit(void *context, struct chat *chat, bool unavailable)
{
	note(context, "visit %d%s", chat != NULL ? (int)chat->latest : 0, unavailable ? " unavailable" : "");
}

static void visit(struct scene *scene)
{
	core_visit(scene->core, "chat", on_visit, scene, scene->now_ms);
}

static void test_a_visit_comes_after_what_came_before(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, reply_command("bob", "b1", "yes", 2));
	visit(scene);
	loads(scene, 2);
	happened(scene, "load chat, quote 2-2?");
	core_page_read(scene->core, "chat", CORE_READ_QUOTE, STORE_OK, &(struct page){0}, scene->now_ms);
	happened(scene, "b1 refused: forbidden, visit 2");
	visit(scene);
	happened(scene, "visit 2"); /* at once */
	scene_free(scene);
}

static void test_a_visit_of_nothing(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	visit(scene);
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	happened(scene, "load chat, visit 0");
	scene_free(scene);
}

static void test_visitors_do_not_wait_for_a_store_that_is_down(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	say(scene, "alice", "a1");
	visit(scene);
	load_fails(scene);
	happened(scene, "load chat, visit 0 unavailable");
	visit(scene);
	happened(scene, "visit 0 unavailable"); /* without asking again */
	time_passes(scene, 20);
	loads(scene, 1);
	happened(scene, "load chat, append 2-2"); /* the command was kept */
	scene_free(scene);
}

static void test_visitors_of_a_chat_that_contradicts_itself_are_told(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	visit(scene);
	load_finds_a_contradiction(scene);
	happened(scene, "load chat, report chat, visit 0 unavailable");
	visit(scene);
	load_finds_a_contradiction(scene);
	happened(scene, "load chat, visit 0 unavailable");
	scene_free(scene);
}

static void test_a_chat_that_nobody_waits_for_is_not_loaded_for_ever(void **state)
{
	(void)state;
	struct scene *scene = scene_new(100);
	visit(scene);
	load_fails(scene);
	happened(scene, "load chat, visit 0 unavailable");
	time_passes(scene, 20);
	happened(scene, "");
	assert_int_equal(core_chat_count(scene->core), 0);
	visit(scene);
	happened(scene, "load chat"); /* the next one tries anew */
	scene_free(scene);
}

static void test_the_end_tells_visitors(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	visit(scene);
	say(scene, "alice", "a1");
	happened(scene, "load chat");
	core_free(scene->core);
	scene->core = NULL;
	happened(scene, "visit 0 unavailable"); /* and answers no command: the journal has it */
	scene_free(scene);
}

/* ---- memory ---- */

static void test_idle_chats_are_let_go(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	assert_int_equal(core_chat_count(scene->core), 1);
	time_passes(scene, 59 * 1000);
	assert_int_equal(core_chat_count(scene->core), 1);
	time_passes(scene, 7 * 1000);
	assert_int_equal(core_chat_count(scene->core), 0);
	assert_null(core_peek(scene->core, "chat"));
	say(scene, "alice", "a1");
	happened(scene, "load chat");
	scene_free(scene);
}

static void test_busy_chats_are_kept(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	assert_true(chat_receive(scene->shown, "bob", 1, 0));
	core_receipts_changed(scene->core, scene->shown);
	time_passes(scene, 70 * 1000);
	assert_int_equal(core_chat_count(scene->core), 1); /* with receipts that are not stored */
	assert_int_equal(core_flush_receipts(scene->core), 1);
	say(scene, "alice", "a1");
	appended(scene, APPEND_UNKNOWN);
	time_passes(scene, 70 * 1000);
	assert_int_equal(core_chat_count(scene->core), 1); /* with something pending */
	happened(scene, "store bob received 1 read 0, append 3-3, append 3-3");
	scene_free(scene);
}

static void test_chats_within_the_limit_are_kept(void **state)
{
	(void)state;
	struct scene *scene = scene_new(1);
	visit(scene);
	loads(scene, 2);
	time_passes(scene, 1000 * 1000);
	assert_non_null(core_peek(scene->core, "chat"));
	scene_free(scene);
}

static void test_receipts_are_stored_once_for_all_their_changes(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(3);
	struct chat *chat = scene->shown;
	assert_int_equal(core_flush_receipts(scene->core), 0);
	for (uint64_t number = 1; number <= 3; number++) {
		assert_true(chat_receive(chat, "bob", number, 0));
		core_receipts_changed(scene->core, chat);
	}
	assert_true(chat_receive(chat, "alice", 0, 2));
	core_receipts_changed(scene->core, chat);
	assert_int_equal(core_flush_receipts(scene->core), 2);
	happened(scene, "store alice received 2 read 2, store bob received 3 read 0");
	assert_int_equal(core_flush_receipts(scene->core), 0);
	happened(scene, "");
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_command_waits_for_its_chat),
		cmocka_unit_test(test_what_a_round_brings_is_one_append),
		cmocka_unit_test(test_one_append_is_under_way_at_a_time),
		cmocka_unit_test(test_the_first_message_asks_for_the_other_one),
		cmocka_unit_test(test_nobody_writes_to_who_does_not_exist),
		cmocka_unit_test(test_who_waits_for_an_answer_holds_up_his_chat_only),
		cmocka_unit_test(test_a_quote_is_read_from_the_store),
		cmocka_unit_test(test_a_quote_that_is_not_there_refuses_the_reply),
		cmocka_unit_test(test_what_was_not_added_is_repeated),
		cmocka_unit_test(test_what_is_unknown_is_repeated_as_it_was),
		cmocka_unit_test(test_pauses_grow_up_to_a_second),
		cmocka_unit_test(test_questions_are_asked_again),
		cmocka_unit_test(test_a_chat_that_contradicts_itself_is_reported_once_and_its_commands_are_refused),
		cmocka_unit_test(test_visitors_of_a_chat_that_contradicts_itself_are_told),
		cmocka_unit_test(test_after_a_conflict_the_log_is_read_and_all_is_decided_anew),
		cmocka_unit_test(test_a_long_log_is_read_in_pages),
		cmocka_unit_test(test_a_log_that_cannot_be_seen_yet_is_read_again_later),
		cmocka_unit_test(test_an_id_that_the_store_knows_is_a_repetition),
		cmocka_unit_test(test_an_id_that_the_store_knows_with_another_content_is_refused),
		cmocka_unit_test(test_a_repetition_of_what_is_not_shown_yet_shows_it),
		cmocka_unit_test(test_repetitions_keep_their_order_through_a_conflict),
		cmocka_unit_test(test_what_was_found_out_before_the_log_grew_is_asked_again),
		cmocka_unit_test(test_a_log_that_does_not_follow_is_loaded_anew),
		cmocka_unit_test(test_a_question_survives_that_its_chat_is_loaded_anew),
		cmocka_unit_test(test_an_answer_may_bring_the_next_command),
		cmocka_unit_test(test_a_visit_comes_after_what_came_before),
		cmocka_unit_test(test_a_visit_of_nothing),
		cmocka_unit_test(test_visitors_do_not_wait_for_a_store_that_is_down),
		cmocka_unit_test(test_a_chat_that_nobody_waits_for_is_not_loaded_for_ever),
		cmocka_unit_test(test_the_end_tells_visitors),
		cmocka_unit_test(test_idle_chats_are_let_go),
		cmocka_unit_test(test_busy_chats_are_kept),
		cmocka_unit_test(test_chats_within_the_limit_are_kept),
		cmocka_unit_test(test_receipts_are_stored_once_for_all_their_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
