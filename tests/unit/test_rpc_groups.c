/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Operations on groups and messages that become commands: which, and with what in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "rpc_scene.h"

static struct verdict verdict;

/* alice's command; NULL: *verdict. */
static struct command *command_of(struct scene *scene, const char *operation, const char *id, const char *args)
{
	verdict = (struct verdict){0};
	struct rpc_request *request = scene_request(scene, "alice", operation, id, args);
	struct command *command = rpc_command(request, &verdict);
	assert_true((command == NULL) == (verdict.code != REFUSAL_NONE));
	rpc_free(request);
	return command;
}

static void assert_refused(struct scene *scene, const char *operation, const char *args, const char *why)
{
	assert_null(command_of(scene, operation, "1", args));
	assert_int_equal(verdict.code, REFUSAL_BAD_REQUEST);
	if (strstr(verdict.message, why) == NULL)
		fail_msg("%s %s: \"%s\" does not say \"%s\"", operation, args, verdict.message, why);
}

/* ---- messages ---- */

static void an_edit_is_about_a_message(void **state)
{
	struct command *command = command_of(*state, "editMessage", "1", "{'chatID':'room','messageID':7,'messageBody':'better'}");
	assert_int_equal(command->type, COMMAND_EDIT);
	assert_string_equal(command->chat_id, "room");
	assert_int_equal(command->target, 7);
	assert_string_equal(command->body, "better");
	assert_int_equal(command->body_len, 6);
	command_free(command);
}

static void a_delete_says_what_becomes_of_quotes_or_leaves_it_to_the_server(void **state)
{
	struct scene *scene = *state;
	struct command *command = command_of(*state, "deleteMessage", "1", "{'chatID':'room','messageID':7}");
	assert_int_equal(command->type, COMMAND_DELETE);
	assert_int_equal(command->target, 7);
	assert_false(command->keep_quotes);
	command_free(command);
	command = command_of(*state, "deleteMessage", "1", "{'chatID':'room','messageID':7,'quotes':'erase'}");
	assert_false(command->keep_quotes);
	command_free(command);
	command = command_of(*state, "deleteMessage", "1", "{'chatID':'room','messageID':7,'quotes':'keep'}");
	assert_true(command->keep_quotes);
	command_free(command);
	scene->world.keep_quotes = true;
	command = command_of(scene, "deleteMessage", "1", "{'chatID':'room','messageID':7}");
	assert_true(command->keep_quotes);
	command_free(command);
	command = command_of(scene, "deleteMessage", "1", "{'chatID':'room','messageID':7,'quotes':'erase'}");
	assert_false(command->keep_quotes);
	command_free(command);
}

static json_t *answer_to(struct scene *scene, const char *operation, const char *args, uint64_t number)
{
	struct rpc_request *request = scene_request(scene, "alice", operation, "1", args);
	rpc_command_done(request, &(struct answer){.chat_id = "room", .number = number});
	return scene_answer(request);
}

static void what_changes_a_message_answers_with_the_message_and_its_own_number(void **state)
{
	json_t *answer = answer_to(*state, "editMessage", "{'chatID':'room','messageID':7,'messageBody':'x'}", 9);
	assert_string_equal(text_at(answer, "result.chatID"), "room");
	assert_int_equal(number_at(answer, "result.messageID"), 7);
	assert_int_equal(number_at(answer, "result.transactionID"), 9);
	json_decref(answer);
}

/* ---- making a group ---- */

static void a_group_is_made_of_its_name_and_its_members(void **state)
{
	struct command *command =
		command_of(*state, "createGroupChat", "g1", "{'groupName':'Our \\'team\\'','friendIDs':['bob','carol'],'history':'all'}");
	assert_int_equal(command->type, COMMAND_CREATE_GROUP);
	assert_string_equal(command->sender_id, "alice");
	assert_int_equal(command->user_count, 2);
	assert_string_equal(command->user_ids[0], "bob");
	assert_string_equal(command->user_ids[1], "carol");
	assert_string_equal(command->body, "{\"name\":\"Our \\\"team\\\"\",\"history\":\"all\"}");
	assert_int_equal(command->body_len, strlen(command->body));
	assert_int_equal(strlen(command->chat_id), ID_TEXT_LEN);
	command_free(command);
}

static void the_same_call_makes_the_same_group_and_no_other_does(void **state)
{
	struct scene *scene = *state;
	struct command *first = command_of(scene, "createGroupChat", "g1", "{'groupName':'a'}");
	struct command *again = command_of(scene, "createGroupChat", "g1", "{'groupName':'a'}");
	struct command *other = command_of(scene, "createGroupChat", "g2", "{'groupName':'a'}");
	assert_string_equal(first->chat_id, again->chat_id);
	assert_string_not_equal(first->chat_id, other->chat_id);
	char bobs[ID_TEXT_LEN + 1];
	rpc_group_id(&scene->world.info, "bob", "id/g1", bobs);
	assert_string_not_equal(first->chat_id, bobs);
	command_free(first);
	command_free(again);
	command_free(other);
}

static void without_an_id_the_group_is_named_later(void **state)
{
	struct command *command = command_of(*state, "createGroupChat", "", "{'groupName':'a'}");
	assert_null(command->chat_id);
	assert_null(command->key);
	assert_int_equal(command->user_count, 0);
	command_free(command);
}

static void nobody_is_his_own_friend(void **state)
{
	assert_refused(*state, "createGroupChat", "{'groupName':'a','friendIDs':['bob','alice']}", "friendIDs:");
}

static void an_icon_is_a_url_or_stored_under_its_hash(void **state)
{
	struct scene *scene = *state;
	struct command *command = command_of(scene, "createGroupChat", "1", "{'groupName':'a','icon':'https://example.org/i.png'}");
	assert_string_equal(command->body, "{\"name\":\"a\",\"icon\":\"https://example.org/i.png\"}");
	command_free(command);

	struct rpc_request *request = scene_request(scene, "alice", "createGroupChat", "1", "{'groupName':'a','icon':'aGVsbG8='}");
	command = rpc_command(request, &verdict);
	assert_non_null(strstr(command->body, request->icon.name));
	assert_true(rpc_writes(request));
	rpc_write(request);
	assert_int_equal(request->refused.code, REFUSAL_NONE);
	void *bytes;
	size_t len;
	assert_int_equal(store_ops(scene->store)->load_icon(scene->store, request->icon.name, &bytes, &len, NULL), STORE_OK);
	assert_int_equal(len, 5);
	assert_memory_equal(bytes, "hello", 5);
	store_free(bytes);
	command_free(command);
	rpc_free(request);
}

static void an_icon_that_is_none_is_refused(void **state)
{
	assert_refused(*state, "createGroupChat", "{'groupName':'a','icon':'no icon'}", "icon");
}

/* ---- changing one ---- */

static void members_come_one_by_one_or_together(void **state)
{
	struct command *command = command_of(*state, "addUserToGroup", "1", "{'groupID':'room','userID':'bob'}");
	assert_int_equal(command->type, COMMAND_ADD);
	assert_string_equal(command->chat_id, "room");
	assert_int_equal(command->user_count, 1);
	assert_string_equal(command->user_ids[0], "bob");
	command_free(command);
	command = command_of(*state, "addUserToGroup", "1", "{'chatID':'room','userIDs':['bob','carol']}");
	assert_string_equal(command->chat_id, "room");
	assert_int_equal(command->user_count, 2);
	command_free(command);
	assert_refused(*state, "addUserToGroup", "{'groupID':'room'}", "userID:");
	assert_refused(*state, "addUserToGroup", "{'groupID':'room','userID':'bob','userIDs':['carol']}", "userID:");
}

static void to_leave_is_to_remove_oneself(void **state)
{
	struct command *command = command_of(*state, "removeUser", "1", "{'groupID':'room','userID':'bob'}");
	assert_int_equal(command->type, COMMAND_REMOVE);
	assert_string_equal(command->user_ids[0], "bob");
	command_free(command);
	command = command_of(*state, "leaveGroup", "1", "{'groupID':'room'}");
	assert_int_equal(command->type, COMMAND_REMOVE);
	assert_int_equal(command->user_count, 1);
	assert_string_equal(command->user_ids[0], "alice");
	command_free(command);
}

static void every_role_can_be_set(void **state)
{
	static const char *const names[] = {"member", "admin", "owner"};
	for (enum role role = ROLE_MEMBER; role <= ROLE_OWNER; role++) {
		char args[128];
		snprintf(args, sizeof args, "{'groupID':'room','userID':'bob','role':'%s'}", names[role - ROLE_MEMBER]);
		struct command *command = command_of(*state, "setRole", "1", args);
		assert_int_equal(command->type, COMMAND_SET_ROLE);
		assert_int_equal(command->role, role);
		assert_string_equal(command->user_ids[0], "bob");
		command_free(command);
	}
}

static void what_is_not_named_of_a_group_does_not_change(void **state)
{
	static const char *const cases[][2] = {
		{"{'name':'b'}", "{\"name\":\"b\"}"},
		{"{'icon':''}", "{\"icon\":\"\"}"},
		{"{'history':'own','name':'b'}", "{\"name\":\"b\",\"history\":\"own\"}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char args[128];
		snprintf(args, sizeof args, "{'groupID':'room','groupInfo':%s}", cases[i][0]);
		struct command *command = command_of(*state, "updateGroupInfo", "1", args);
		assert_int_equal(command->type, COMMAND_UPDATE_GROUP);
		assert_string_equal(command->body, cases[i][1]);
		command_free(command);
	}
	assert_refused(*state, "updateGroupInfo", "{'groupID':'room','groupInfo':{}}", "groupInfo:");
}

static void a_group_ends(void **state)
{
	struct command *command = command_of(*state, "deleteGroup", "1", "{'groupID':'room'}");
	assert_int_equal(command->type, COMMAND_END_GROUP);
	assert_string_equal(command->chat_id, "room");
	command_free(command);
}

static void what_had_not_to_be_done_has_no_number(void **state)
{
	json_t *answer = answer_to(*state, "addUserToGroup", "{'groupID':'room','userID':'bob'}", 0);
	assert_string_equal(text_at(answer, "result.chatID"), "room");
	assert_false(has(answer, "result.transactionID"));
	json_decref(answer);
	answer = answer_to(*state, "addUserToGroup", "{'groupID':'room','userID':'bob'}", 5);
	assert_int_equal(number_at(answer, "result.transactionID"), 5);
	json_decref(answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_edit_is_about_a_message),
		TEST(a_delete_says_what_becomes_of_quotes_or_leaves_it_to_the_server),
		TEST(what_changes_a_message_answers_with_the_message_and_its_own_number),
		TEST(a_group_is_made_of_its_name_and_its_members),
		TEST(the_same_call_makes_the_same_group_and_no_other_does),
		TEST(without_an_id_the_group_is_named_later),
		TEST(nobody_is_his_own_friend),
		TEST(an_icon_is_a_url_or_stored_under_its_hash),
		TEST(an_icon_that_is_none_is_refused),
		TEST(members_come_one_by_one_or_together),
		TEST(to_leave_is_to_remove_oneself),
		TEST(every_role_can_be_set),
		TEST(what_is_not_named_of_a_group_does_not_change),
		TEST(a_group_ends),
		TEST(what_had_not_to_be_done_has_no_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
