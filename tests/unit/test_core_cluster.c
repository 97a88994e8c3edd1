/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The core among other brokers: what they wrote comes to it late, twice, or with something missing; and what one append has at most. */
#include "core_kit.h"

#include <stdio.h>

/* bob's or alice's, by the other broker, in the chat that the store has. */
static void hears_of(struct scene *scene, const struct chat *stored, uint64_t number)
{
	assert_true(core_news(scene->core, chat_recent(stored, number)));
}

/* The chat is in memory up to there, and nothing is pending. */
static struct scene *scene_that_knows(uint64_t latest)
{
	struct scene *scene = scene_new(0);
	visit(scene);
	loads(scene, latest);
	buf_clear(&scene->happened);
	return scene;
}

/* ---- stories: news ---- */

static void test_what_another_broker_wrote_is_shown(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	struct chat *stored = stored_chat(4);
	hears_of(scene, stored, 3);
	hears_of(scene, stored, 4);
	happened(scene, "show 3, show 4");
	assert_int_equal(core_known(scene->core, "chat"), 4);
	say(scene, "alice", "a1");
	happened(scene, "append 5-5");
	chat_free(stored);
	scene_free(scene);
}

static void test_what_is_shown_already_is_passed_over(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(3);
	struct chat *stored = stored_chat(4);
	hears_of(scene, stored, 3);
	hears_of(scene, stored, 4);
	hears_of(scene, stored, 4);
	happened(scene, "show 4");
	chat_free(stored);
	scene_free(scene);
}

static void test_what_is_missing_before_it_is_read(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	struct chat *stored = stored_chat(5);
	hears_of(scene, stored, 5);
	hears_of(scene, stored, 4);
	happened(scene, "log from 3?");
	log_arrives(scene, stored, 3, false);
	happened(scene, "show 3, show 4, show 5");
	hears_of(scene, stored, 3);
	happened(scene, "");
	chat_free(stored);
	scene_free(scene);
}

static void test_what_is_pending_finds_out_by_its_append(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	struct chat *stored = stored_chat(3);
	say(scene, "alice", "a1");
	hears_of(scene, stored, 3);
	happened(scene, "append 3-3");
	hears_of(scene, stored, 3);
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, stored, 3, false);
	happened(scene, "log from 3?, show 3, append 4-4");
	chat_free(stored);
	scene_free(scene);
}

static void test_news_while_the_chat_is_loaded_are_seen_to_behind_that(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	say(scene, "alice", "a1");
	hears_of(scene, stored, 3);
	assert_int_equal(core_known(scene->core, "chat"), 0);
	loads(scene, 2);
	happened(scene, "load chat, log from 3?");
	log_arrives(scene, stored, 3, false);
	happened(scene, "show 3, append 4-4");
	chat_free(stored);
	scene_free(scene);
}

static void test_news_of_a_chat_that_is_not_in_memory_change_nothing(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	assert_false(core_news(scene->core, chat_recent(stored, 3)));
	happened(scene, "");
	assert_int_equal(core_known(scene->core, "chat"), UINT64_MAX);
	chat_free(stored);
	scene_free(scene);
}

static void test_news_that_do_not_follow_are_held_against_the_store(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	struct chat *stored = stored_chat(3), *other = stored_chat(1);
	log_message(other, "bob", "x", "something else");
	log_message(other, "bob", "y", "and on");
	hears_of(scene, other, 3);
	happened(scene, "log from 3?");
	log_arrives(scene, stored, 3, false);
	happened(scene, "show 3");
	chat_free(other);
	chat_free(stored);
	scene_free(scene);
}

static void test_a_question_is_asked_anew_when_another_broker_has_written(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	struct chat *stored = stored_chat(3);
	struct command *same = send_command("alice", "a1", "hi");
	issue(scene, if_latest(send_command("alice", "a1", "hi"), 0));
	happened(scene, "key alice/a1?");
	hears_of(scene, stored, 3);
	key_is(scene, same, 0); /* not used, when the store looked */
	happened(scene, "show 3, key alice/a1?");
	key_is(scene, same, 3);
	happened(scene, "a1 was 3");
	command_free(same);
	chat_free(stored);
	scene_free(scene);
}

/* ---- stories: what one append has at most ---- */

static void say_many(struct scene *scene, unsigned count, size_t body_len)
{
	struct buf body = BUF_EMPTY;
	for (size_t i = 0; i < body_len; i++)
		buf_add_char(&body, 'x');
	for (unsigned i = 0; i < count; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%u", i);
		issue(scene, send_command("alice", key, body.data));
	}
	buf_fini(&body);
}

static void test_a_long_queue_goes_in_several_appends(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	say_many(scene, APPEND_COUNT_MAX + 3, 2);
	core_flush(scene->core);
	assert_int_equal(scene->sent_count, APPEND_COUNT_MAX);
	buf_clear(&scene->happened);
	appended(scene, APPEND_OK);
	core_flush(scene->core);
	assert_int_equal(scene->sent_count, 3);
	assert_int_equal(scene->sent[0]->number, 3 + APPEND_COUNT_MAX);
	appended(scene, APPEND_OK);
	assert_int_equal(core_command_count(scene->core), 0);
	scene_free(scene);
}

static void test_long_texts_go_in_several_appends(void **state)
{
	(void)state;
	enum { BODY = 30000, FIT = APPEND_TEXT_BYTES_MAX / BODY };
	struct scene *scene = scene_that_knows(2);
	say_many(scene, FIT + 1, BODY);
	core_flush(scene->core);
	assert_int_equal(scene->sent_count, FIT);
	appended(scene, APPEND_OK);
	core_flush(scene->core);
	assert_int_equal(scene->sent_count, 1);
	appended(scene, APPEND_OK);
	assert_int_equal(core_command_count(scene->core), 0);
	scene_free(scene);
}

/* So the next race is not lost by the one who has more to carry. */
static void test_after_a_conflict_appends_begin_small_and_grow(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	struct chat *stored = stored_chat(3);
	uint64_t next = 4;
	say_many(scene, 2 * APPEND_COUNT_MAX, 2);
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, stored, 3, false);
	for (size_t count = 8; core_command_count(scene->core) > 0; count *= 2, time_passes(scene, 10)) {
		size_t left = core_command_count(scene->core), most = count < APPEND_COUNT_MAX ? count : APPEND_COUNT_MAX;
		core_flush(scene->core);
		assert_int_equal(scene->sent_count, left < most ? left : most);
		assert_int_equal(scene->sent[0]->number, next);
		next += scene->sent_count;
		appended(scene, APPEND_OK);
	}
	chat_free(stored);
	scene_free(scene);
}

static void test_who_has_won_lets_the_other_one_go_first(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	struct chat *stored = stored_chat(3);
	hears_of(scene, stored, 3);
	say(scene, "alice", "a1");
	happened(scene, "show 3, append 4-4");
	say(scene, "alice", "a2");
	time_passes(scene, 20); /* that long the append takes */
	appended(scene, APPEND_OK);
	core_flush(scene->core);
	happened(scene, "show 4, a1 is 4");
	time_passes(scene, 79);
	say(scene, "alice", "a3");
	happened(scene, "");
	time_passes(scene, 1);
	happened(scene, "append 5-6");
	time_passes(scene, 61000); /* nobody else has written for a while */
	say(scene, "alice", "a4");
	appended(scene, APPEND_OK);
	happened(scene, "show 5, a2 is 5, show 6, a3 is 6, append 7-7");
	chat_free(stored);
	scene_free(scene);
}

static void test_who_always_loses_asks_for_a_turn(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(1);
	say(scene, "alice", "a1");
	for (uint64_t latest = 2; latest <= 3; latest++) {
		struct chat *stored = stored_chat(latest);
		appended(scene, APPEND_CONFLICT);
		log_arrives(scene, stored, latest, false);
		chat_free(stored);
	}
	happened(scene, "append 2-2, log from 2?, show 2, append 3-3, log from 3?, show 3, append 4-4");
	appended(scene, APPEND_CONFLICT);
	happened(scene, "starves in chat, log from 4?");
	scene_free(scene);
}

static void test_who_is_asked_for_a_turn_gives_it(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	say(scene, "alice", "a1");
	happened(scene, "append 3-3");
	core_yield(scene->core, "chat", "slow", scene->now_ms);
	appended(scene, APPEND_OK);
	say(scene, "alice", "a2");
	happened(scene, "show 3, a1 is 3");
	time_passes(scene, 499);
	happened(scene, "");
	time_passes(scene, 1);
	happened(scene, "append 4-4");
	scene_free(scene);
}

static void writes_now(struct scene *scene, const char *key, uint64_t number)
{
	char expected[64];
	say(scene, "alice", key);
	snprintf(expected, sizeof expected, "append %llu-%llu", (unsigned long long)number, (unsigned long long)number);
	happened(scene, expected);
	appended(scene, APPEND_OK);
	snprintf(expected, sizeof expected, "show %llu, %s is %llu", (unsigned long long)number, key, (unsigned long long)number);
	happened(scene, expected);
}

/* It is slower than the others: its turn has to be long enough for it. */
static void test_who_asks_for_a_turn_in_vain_gets_a_longer_one(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	writes_now(scene, "a1", 3);
	const int64_t turns_ms[] = {500, 2000, 8000, 8000};
	for (size_t i = 0; i < sizeof turns_ms / sizeof *turns_ms; i++) {
		char key[8];
		snprintf(key, sizeof key, "b%zu", i);
		core_yield(scene->core, "chat", "slow", scene->now_ms);
		time_passes(scene, turns_ms[i]);
		writes_now(scene, key, 4 + i);
	}
	core_yield(scene->core, "chat", "somebody else", scene->now_ms);
	time_passes(scene, 500);
	writes_now(scene, "c1", 8);
	scene_free(scene);
}

static void test_who_had_his_turn_ends_it_by_writing(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(2);
	struct chat *stored = stored_chat(3);
	for (unsigned i = 0; i < 3; i++)
		core_yield(scene->core, "chat", "other", scene->now_ms);
	say(scene, "alice", "a1");
	time_passes(scene, 1);
	happened(scene, "");
	hears_of(scene, stored, 3);
	time_passes(scene, 0);
	happened(scene, "append 3-3"); /* decided before, and it finds out that this number is taken */
	chat_free(stored);
	scene_free(scene);
}

/* What it wrote before it asked may be heard of late, or twice. */
static void test_what_was_written_before_it_was_asked_for_ends_no_turn(void **state)
{
	(void)state;
	struct scene *scene = scene_that_knows(3);
	struct chat *stored = stored_chat(3);
	core_yield(scene->core, "chat", "other", scene->now_ms);
	say(scene, "alice", "a1");
	hears_of(scene, stored, 3);
	time_passes(scene, 499);
	happened(scene, "");
	time_passes(scene, 1);
	happened(scene, "append 4-4");
	chat_free(stored);
	scene_free(scene);
}

/* A message that begins its chat is two transactions; so is an owner who leaves. */
static void test_what_one_command_made_is_not_split(void **state)
{
	(void)state;
	struct scene *scene = group_scene();
	buf_clear(&scene->happened);
	for (unsigned i = 0; i < APPEND_COUNT_MAX - 1; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%u", i);
		issue(scene, send_command("olga", key, "hi"));
	}
	issue(scene, group_command(COMMAND_REMOVE, "olga", "leave", "olga"));
	core_flush(scene->core);
	assert_int_equal(scene->sent_count, APPEND_COUNT_MAX - 1);
	appended(scene, APPEND_OK);
	core_flush(scene->core);
	assert_int_equal(scene->sent_count, 2);
	appended(scene, APPEND_OK);
	assert_int_equal(core_command_count(scene->core), 0);
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_another_broker_wrote_is_shown),
		cmocka_unit_test(test_what_is_shown_already_is_passed_over),
		cmocka_unit_test(test_what_is_missing_before_it_is_read),
		cmocka_unit_test(test_what_is_pending_finds_out_by_its_append),
		cmocka_unit_test(test_news_while_the_chat_is_loaded_are_seen_to_behind_that),
		cmocka_unit_test(test_news_of_a_chat_that_is_not_in_memory_change_nothing),
		cmocka_unit_test(test_news_that_do_not_follow_are_held_against_the_store),
		cmocka_unit_test(test_a_question_is_asked_anew_when_another_broker_has_written),
		cmocka_unit_test(test_a_long_queue_goes_in_several_appends),
		cmocka_unit_test(test_long_texts_go_in_several_appends),
		cmocka_unit_test(test_after_a_conflict_appends_begin_small_and_grow),
		cmocka_unit_test(test_who_has_won_lets_the_other_one_go_first),
		cmocka_unit_test(test_who_always_loses_asks_for_a_turn),
		cmocka_unit_test(test_who_is_asked_for_a_turn_gives_it),
		cmocka_unit_test(test_who_asks_for_a_turn_in_vain_gets_a_longer_one),
		cmocka_unit_test(test_who_had_his_turn_ends_it_by_writing),
		cmocka_unit_test(test_what_was_written_before_it_was_asked_for_ends_no_turn),
		cmocka_unit_test(test_what_one_command_made_is_not_split),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
