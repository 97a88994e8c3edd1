/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a list shows of a chat: unread, the last message with its latest text, mentions, blocks. */
#include "tests/contract/contract.h"

/* How somebody looks at a chat. */
struct look {
	const char *user_id;
	const char *mention;
	struct block blocks[2];
	size_t block_count;
};

static struct chat_summary summary_of(struct world *world, const struct look *look)
{
	struct user_chat *membership = load_membership(world, look->user_id, "c");
	struct chat_summary summary = {0};
	assert_int_equal(ON_WORLD(read_summary, look->user_id, membership, look->blocks, look->block_count, look->mention, &summary, NULL), STORE_OK);
	store_free(membership);
	return summary;
}

static void assert_look(struct world *world, const struct look *look, uint64_t unread, const char *last)
{
	struct chat_summary summary = summary_of(world, look);
	assert_int_equal(summary.unread, unread);
	if (last == NULL) {
		assert_null(summary.last_message);
	} else {
		assert_string_equal(summary.last_message->body.text, last);
		assert_string_equal(summary.last_message->chat_id, "c");
	}
	chat_summary_fini(&summary);
}

static void assert_summary(struct world *world, const char *user_id, uint64_t unread, const char *last)
{
	assert_look(world, &(struct look){.user_id = user_id}, unread, last);
}

static bool is_mentioned(struct world *world, const char *user_id, const char *name)
{
	struct chat_summary summary = summary_of(world, &(struct look){.user_id = user_id, .mention = name});
	bool mentioned = summary.mentioned;
	chat_summary_fini(&summary);
	return mentioned;
}

static void bob_reads(struct world *world, uint64_t number)
{
	struct receipt receipt = {.chat_id = "c", .user_id = "bob", .received = number, .read = number};
	assert_int_equal(ON_WORLD(put_receipts, &receipt, 1, NULL), STORE_OK);
}

static void unread_are_messages_of_others_above_the_read_mark(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_OWNER));
	assert_summary(world, "bob", 0, NULL);
	assert_appended(world->store, line_says(&line, "alice", "one"));
	assert_appended(world->store, line_says(&line, "alice", "two"));
	assert_appended(world->store, line_says(&line, "bob", "three"));
	assert_summary(world, "bob", 2, "three");
	assert_summary(world, "alice", 1, "three");
	struct receipt receipt = {.chat_id = "c", .user_id = "bob", .received = 4, .read = 3};
	assert_int_equal(ON_WORLD(put_receipts, &receipt, 1, NULL), STORE_OK);
	assert_summary(world, "bob", 1, "three");
}

static void deleted_and_erased_messages_are_neither_unread_nor_last(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "bob", ROLE_OWNER));
	assert_appended(world->store, line_says(&line, "alice", "stays"));
	assert_appended(world->store, line_says(&line, "alice", "goes"));
	assert_appended(world->store, line_next(&line, (struct transaction){.type = TX_MESSAGE, .sender_id = "alice", .body = {.present = true, .erased = true}}));
	assert_summary(world, "bob", 2, "goes");
	assert_appended(world->store, line_deletes(&line, "alice", 3));
	assert_summary(world, "bob", 1, "stays");
}

static void only_what_lies_in_a_time_of_membership_counts(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_says(&line, "alice", "before"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_says(&line, "alice", "during"));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_says(&line, "alice", "between"));
	assert_summary(world, "bob", 1, "during");
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_summary(world, "bob", 0, "during");
	assert_appended(world->store, line_says(&line, "alice", "again"));
	assert_summary(world, "bob", 1, "again");
}

static void unread_is_counted_up_to_a_thousand(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	for (int i = 0; i < 150; i++) {
		struct bundle bundle = {0};
		for (int j = 0; j < 7; j++)
			bundle_add(&bundle, line_says(&line, "alice", "hi"));
		assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
		bundle_fini(&bundle);
	}
	assert_summary(world, "bob", 1000, "hi");
}

static void a_summary_of_no_chat_is_not_found(void **state)
{
	struct world *world = *state;
	struct user_chat membership = {.chat_id = "nowhere"};
	struct chat_summary summary = {0};
	assert_int_equal(ON_WORLD(read_summary, "bob", &membership, NULL, 0, NULL, &summary, NULL), STORE_NOT_FOUND);
}

/* ---- the whole history ---- */

static void with_the_whole_history_what_was_before_him_is_shown_to_a_member_but_not_unread(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_says(&line, "alice", "before"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_summary(world, "bob", 0, NULL);
	assert_appended(world->store, line_updates_group(&line, "{\"history\":\"all\"}"));
	assert_summary(world, "bob", 0, "before");
	assert_appended(world->store, line_says(&line, "alice", "after"));
	assert_summary(world, "bob", 1, "after");
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_says(&line, "alice", "without him"));
	assert_summary(world, "bob", 1, "after");
	assert_appended(world->store, line_updates_group(&line, "{\"history\":\"own\"}"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_summary(world, "bob", 0, "after");
}

/* ---- edits ---- */

static void an_edited_last_message_comes_with_its_last_edit(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "frist"));
	assert_appended(world->store, line_says(&line, "alice", "second"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "first"));
	struct chat_summary summary = summary_of(world, &(struct look){.user_id = "bob"});
	assert_int_equal(summary.unread, 2);
	assert_int_equal(summary.last_message->number, 3);
	assert_null(summary.last_edit);
	chat_summary_fini(&summary);
	assert_appended(world->store, line_edits(&line, "alice", 3, "secnod"));
	assert_appended(world->store, line_edits(&line, "alice", 3, "the second"));
	assert_appended(world->store, line_replies(&line, "alice", 3, "gone soon", "the second"));
	assert_appended(world->store, line_deletes(&line, "alice", 7));
	summary = summary_of(world, &(struct look){.user_id = "bob"});
	assert_int_equal(summary.unread, 2);
	assert_string_equal(summary.last_message->body.text, "second");
	assert_string_equal(summary.last_edit->body.text, "the second");
	chat_summary_fini(&summary);
}

static void an_edit_that_the_reader_does_not_see_is_not_shown(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_edits(&line, "alice", 3, "bob is gone"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	struct chat_summary summary = summary_of(world, &(struct look){.user_id = "bob"});
	assert_int_equal(summary.last_message->number, 3);
	assert_null(summary.last_edit);
	chat_summary_fini(&summary);
	summary = summary_of(world, &(struct look){.user_id = "alice"});
	assert_string_equal(summary.last_edit->body.text, "bob is gone");
	chat_summary_fini(&summary);
	assert_appended(world->store, line_updates_group(&line, "{\"history\":\"all\"}"));
	summary = summary_of(world, &(struct look){.user_id = "bob"});
	assert_string_equal(summary.last_edit->body.text, "bob is gone");
	chat_summary_fini(&summary);
}

static void an_edit_of_the_time_of_a_block_is_not_shown_and_mentions_nobody(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "hi @bob"));
	struct look look = {.user_id = "bob", .mention = "bob", .block_count = 1, .blocks = {{"alice", line.at_ms, line.at_ms + 500}}};
	assert_appended(world->store, line_edits(&line, "alice", 2, "you @bobby"));
	struct chat_summary summary = summary_of(world, &look);
	assert_int_equal(summary.last_message->number, 2);
	assert_null(summary.last_edit);
	assert_true(summary.mentioned);
	chat_summary_fini(&summary);
	look.mention = "bobby";
	summary = summary_of(world, &look);
	assert_false(summary.mentioned);
	chat_summary_fini(&summary);
	assert_appended(world->store, line_edits(&line, "alice", 2, "sorry @bobby"));
	summary = summary_of(world, &look);
	assert_string_equal(summary.last_edit->body.text, "sorry @bobby");
	assert_true(summary.mentioned);
	chat_summary_fini(&summary);
}

/* ---- mentions ---- */

static void a_mention_is_the_name_behind_an_at_sign_in_an_unread_message_of_another(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "Bob, @bo and bob@home"));
	assert_appended(world->store, line_says(&line, "bob", "I am @Bob"));
	assert_false(is_mentioned(world, "bob", "Bob"));
	assert_appended(world->store, line_says(&line, "alice", "see @@BOB!"));
	assert_true(is_mentioned(world, "bob", "Bob"));
	assert_false(is_mentioned(world, "bob", "Bobby"));
	assert_false(is_mentioned(world, "bob", NULL));
	bob_reads(world, 4);
	assert_false(is_mentioned(world, "bob", "Bob"));
	assert_appended(world->store, line_says(&line, "alice", "@J\xC3\xBCrgen"));
	assert_true(is_mentioned(world, "bob", "j\xC3\xBCRgen"));
	assert_false(is_mentioned(world, "bob", "J\xC3\x9Crgen"));
}

static void the_latest_text_of_a_message_mentions(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "hi @bob"));
	assert_true(is_mentioned(world, "bob", "bob"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "hi all"));
	assert_false(is_mentioned(world, "bob", "bob"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "no, @bob"));
	assert_appended(world->store, line_deletes(&line, "alice", 2));
	assert_false(is_mentioned(world, "bob", "bob"));
}

static void say_often(struct world *world, struct line *line, const char *sender_id, int count)
{
	for (int i = 0; i < count; i += 5) {
		struct bundle bundle = {0};
		for (int j = 0; j < 5; j++)
			bundle_add(&bundle, line_says(line, sender_id, "hi"));
		assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
		bundle_fini(&bundle);
	}
}

static void mentions_are_looked_for_in_the_newest_two_hundred(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "@bob"));
	say_often(world, &line, "alice", SUMMARY_MENTION_MAX - 5);
	say_often(world, &line, "bob", 10);
	for (int i = 0; i < 4; i++)
		assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_true(is_mentioned(world, "bob", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_false(is_mentioned(world, "bob", "bob"));
}

/* ---- blocks ---- */

static void what_a_blocked_one_wrote_meanwhile_is_neither_unread_nor_last_nor_a_mention(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "before"));  /* at START_MS + 1000 */
	assert_appended(world->store, line_says(&line, "alice", "@bob"));    /* … 2000 */
	assert_appended(world->store, line_says(&line, "alice", "after"));   /* … 3000 */
	struct look look = {.user_id = "bob", .mention = "bob", .blocks = {{"alice", START_MS + 2000, START_MS + 3000}}, .block_count = 1};
	struct chat_summary summary = summary_of(world, &look);
	assert_int_equal(summary.unread, 2);
	assert_false(summary.mentioned);
	assert_string_equal(summary.last_message->body.text, "after");
	chat_summary_fini(&summary);
	look.blocks[0].to_ms = 0;
	assert_look(world, &look, 1, "before");
	look.blocks[0].from_ms = 0;
	assert_look(world, &look, 0, NULL);
	look.blocks[0] = (struct block){"carol", 0, 0};
	look.blocks[1] = (struct block){"nobody", 0, 0};
	look.block_count = 2;
	assert_look(world, &look, 3, "after");
}

/* ---- how far ---- */

static void only_the_newest_ten_thousand_are_looked_at(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "long ago"));
	say_often(world, &line, "mallory", SUMMARY_LOOK_MAX - 5);
	for (int i = 0; i < 4; i++)
		assert_appended(world->store, line_says(&line, "mallory", "hi"));
	struct look look = {.user_id = "bob", .blocks = {{"mallory", 0, 0}}, .block_count = 1};
	assert_look(world, &look, 1, "long ago");
	assert_appended(world->store, line_says(&line, "mallory", "hi"));
	assert_look(world, &look, 0, NULL);
}

int run_summary_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(unread_are_messages_of_others_above_the_read_mark),
		STORY(deleted_and_erased_messages_are_neither_unread_nor_last),
		STORY(only_what_lies_in_a_time_of_membership_counts),
		STORY(unread_is_counted_up_to_a_thousand),
		STORY(a_summary_of_no_chat_is_not_found),
		STORY(with_the_whole_history_what_was_before_him_is_shown_to_a_member_but_not_unread),
		STORY(an_edited_last_message_comes_with_its_last_edit),
		STORY(an_edit_that_the_reader_does_not_see_is_not_shown),
		STORY(an_edit_of_the_time_of_a_block_is_not_shown_and_mentions_nobody),
		STORY(a_mention_is_the_name_behind_an_at_sign_in_an_unread_message_of_another),
		STORY(the_latest_text_of_a_message_mentions),
		STORY(mentions_are_looked_for_in_the_newest_two_hundred),
		STORY(what_a_blocked_one_wrote_meanwhile_is_neither_unread_nor_last_nor_a_mention),
		STORY(only_the_newest_ten_thousand_are_looked_at),
	};
	return cmocka_run_group_tests_name("summaries", stories, NULL, NULL);
}
