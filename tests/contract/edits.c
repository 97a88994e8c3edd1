/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The last edits of several messages: which edit it is, whose reader does not see which, and what is not there yet. */
#include "tests/contract/contract.h"

enum { NUMBERS_MAX = 4 };

/* Who reads, and which messages; what came of it. */
struct question {
	struct user_chat *membership;
	const struct block *blocks;
	size_t block_count;
	uint64_t numbers[NUMBERS_MAX];
	struct transaction *edits[NUMBERS_MAX];
};

static size_t ask(struct world *world, struct question *question)
{
	size_t count = 0;
	while (count < NUMBERS_MAX && question->numbers[count] != 0)
		count++;
	assert_int_equal(ON_WORLD(read_edits, question->membership, question->blocks, question->block_count, question->numbers, count, question->edits, NULL),
		STORE_OK);
	return count;
}

static void question_fini(struct question *question)
{
	for (size_t i = 0; i < NUMBERS_MAX; i++)
		transaction_free(question->edits[i]);
	store_free(question->membership);
}

static void assert_edit(const struct transaction *edit, uint64_t number, const char *text)
{
	assert_non_null(edit);
	assert_int_equal(edit->type, TX_EDIT);
	assert_int_equal(edit->number, number);
	assert_string_equal(edit->chat_id, "c");
	assert_string_equal(edit->body.text, text);
}

/* One message of "c", for a reader of it. */
static void assert_seen(struct world *world, const char *user_id, const struct block *block, uint64_t message, uint64_t number, const char *text)
{
	struct question question = {.membership = load_membership(world, user_id, "c"), .blocks = block, .block_count = block != NULL, .numbers = {message}};
	ask(world, &question);
	if (text == NULL)
		assert_null(question.edits[0]);
	else
		assert_edit(question.edits[0], number, text);
	question_fini(&question);
}

static void each_message_comes_to_its_last_edit(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "frist"));
	assert_appended(world->store, line_says(&line, "bob", "as it is"));
	assert_appended(world->store, line_says(&line, "bob", "thrid"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "fisrt"));
	assert_appended(world->store, line_edits(&line, "bob", 4, "third"));
	assert_appended(world->store, line_replies(&line, "bob", 3, "a reply is no edit", "as it is"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "first"));
	struct question question = {.membership = load_membership(world, "bob", "c"), .numbers = {1, 2, 3, 4}};
	assert_int_equal(ask(world, &question), 4);
	assert_null(question.edits[0]);
	assert_edit(question.edits[1], 8, "first");
	assert_null(question.edits[2]);
	assert_edit(question.edits[3], 6, "third");
	question_fini(&question);
}

static void edits_of_one_append_are_told_apart(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct bundle bundle = {0};
	bundle_add(&bundle, line_adds_pair(&line, "alice", "bob"));
	bundle_add(&bundle, line_says(&line, "alice", "one"));
	bundle_add(&bundle, line_says(&line, "alice", "two"));
	bundle_add(&bundle, line_edits(&line, "alice", 3, "two, edited"));
	bundle_add(&bundle, line_edits(&line, "alice", 2, "one, edited"));
	bundle_add(&bundle, line_edits(&line, "alice", 3, "two, edited again"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
	bundle_fini(&bundle);
	struct question question = {.membership = load_membership(world, "bob", "c"), .numbers = {2, 3}};
	ask(world, &question);
	assert_edit(question.edits[0], 5, "one, edited");
	assert_edit(question.edits[1], 6, "two, edited again");
	question_fini(&question);
}

static void who_has_left_sees_the_last_edit_of_his_time(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 3, "hi bob"));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_edits(&line, "alice", 3, "bob is gone"));
	assert_seen(world, "bob", NULL, 3, 4, "hi bob");
	assert_seen(world, "alice", NULL, 3, 6, "bob is gone");
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_seen(world, "bob", NULL, 3, 4, "hi bob");
	assert_appended(world->store, line_updates_group(&line, "{\"history\":\"all\"}"));
	assert_seen(world, "bob", NULL, 3, 6, "bob is gone");
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_seen(world, "bob", NULL, 3, 4, "hi bob");
}

static void an_edit_of_the_time_of_a_block_is_passed_over(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "hi bob"));
	struct block block = {"alice", line.at_ms, line.at_ms + 500};
	assert_appended(world->store, line_edits(&line, "alice", 2, "you bob"));
	assert_seen(world, "bob", &block, 2, 3, "hi bob");
	assert_seen(world, "alice", NULL, 2, 4, "you bob");
	assert_appended(world->store, line_edits(&line, "alice", 2, "sorry bob"));
	assert_seen(world, "bob", &block, 2, 5, "sorry bob");
	block = (struct block){"alice", START_MS, 0};
	assert_seen(world, "bob", &block, 2, 0, NULL);
}

/* His membership may have ended since, and what came then is not for him. */
static void what_came_since_the_membership_was_loaded_is_not_there(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 3, "hi bob"));
	struct question question = {.membership = load_membership(world, "bob", "c"), .numbers = {3}};
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_edits(&line, "alice", 3, "bob is gone"));
	ask(world, &question);
	assert_edit(question.edits[0], 4, "hi bob");
	question_fini(&question);
}

static void edits_of_a_deleted_message_are_erased(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "hi bob"));
	assert_appended(world->store, line_deletes(&line, "alice", 2));
	struct question question = {.membership = load_membership(world, "bob", "c"), .numbers = {2}};
	ask(world, &question);
	assert_int_equal(question.edits[0]->number, 3);
	assert_true(question.edits[0]->body.erased);
	assert_null(question.edits[0]->body.text);
	question_fini(&question);
}

static void in_a_chat_that_is_not_there_nothing_was_edited(void **state)
{
	struct world *world = *state;
	struct user_chat membership = {.chat_id = "nowhere", .latest = 10};
	struct transaction *edit = NULL;
	assert_int_equal(ON_WORLD(read_edits, &membership, NULL, 0, &(uint64_t){1}, 1, &edit, NULL), STORE_OK);
	assert_null(edit);
}

/* The newest are told first, and as many as there are of one message do not hide those of another. */
static void a_message_that_is_edited_many_times_hides_no_other(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	for (int i = 0; i < 3; i++)
		assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "early"));
	for (int i = 0; i < 60; i++)
		assert_appended(world->store, line_edits(&line, "alice", 3, "again"));
	assert_appended(world->store, line_edits(&line, "alice", 3, "at last"));
	struct question question = {.membership = load_membership(world, "bob", "c"), .numbers = {2, 3, 4}};
	ask(world, &question);
	assert_edit(question.edits[0], 5, "early");
	assert_edit(question.edits[1], 66, "at last");
	assert_null(question.edits[2]);
	question_fini(&question);
}

static void behind_many_edits_that_are_not_seen_is_the_one_that_is(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "hi bob"));
	const struct block block = {"alice", line.at_ms, 0};
	for (int i = 0; i < 90; i++)
		assert_appended(world->store, line_edits(&line, "alice", 2, "you bob"));
	assert_seen(world, "bob", &block, 2, 3, "hi bob");
	assert_seen(world, "alice", NULL, 2, 93, "you bob");
}

int run_edit_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(each_message_comes_to_its_last_edit),
		STORY(edits_of_one_append_are_told_apart),
		STORY(who_has_left_sees_the_last_edit_of_his_time),
		STORY(an_edit_of_the_time_of_a_block_is_passed_over),
		STORY(what_came_since_the_membership_was_loaded_is_not_there),
		STORY(edits_of_a_deleted_message_are_erased),
		STORY(a_message_that_is_edited_many_times_hides_no_other),
		STORY(behind_many_edits_that_are_not_seen_is_the_one_that_is),
		STORY(in_a_chat_that_is_not_there_nothing_was_edited),
	};
	return cmocka_run_group_tests_name("edits", stories, NULL, NULL);
}
