/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Operations that become commands, and those that answer from memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_scene.h"

struct loop {
	struct scene scene;
	struct rpc_request *finished;
};

static struct loop *the_loop; /* for finish, which has no context */

static int open_loop(void **state)
{
	struct loop *loop = mem_zero(sizeof *loop);
	scene_open(&loop->scene);
	*state = the_loop = loop;
	return 0;
}

static int close_loop(void **state)
{
	struct loop *loop = *state;
	scene_close(&loop->scene);
	free(loop);
	return 0;
}

static void finish(struct rpc_request *request)
{
	assert_null(the_loop->finished);
	the_loop->finished = request;
}

static void start_local(struct loop *loop, const char *user_id, const char *operation, const char *args)
{
	struct rpc_request *request = scene_request(&loop->scene, user_id, operation, "1", args);
	request->finish = finish;
	rpc_local(request, 0);
}

static json_t *take_answer(struct loop *loop)
{
	struct rpc_request *request = loop->finished;
	assert_non_null(request);
	loop->finished = NULL;
	return scene_answer(request);
}

static json_t *asks_local(struct loop *loop, const char *user_id, const char *operation, const char *args)
{
	start_local(loop, user_id, operation, args);
	return take_answer(loop);
}

static void assert_refused(json_t *answer, const char *code)
{
	assert_string_equal(text_at(answer, "error.code"), code);
	json_decref(answer);
}

/* ---- commands ---- */

static struct command *command_of(struct scene *scene, const char *user_id, const char *operation, const char *id, const char *args)
{
	struct verdict verdict = {0};
	struct rpc_request *request = scene_request(scene, user_id, operation, id, args);
	assert_int_equal(rpc_kind(request), RPC_COMMAND);
	struct command *command = rpc_command(request, &verdict);
	assert_true((command == NULL) == (verdict.code != REFUSAL_NONE));
	rpc_free(request);
	return command;
}

static void send_message_is_a_command(void **state)
{
	struct loop *loop = *state;
	struct command *command = command_of(&loop->scene, "alice", "sendMessage", "a1",
		"{'chatID':'room','messageBody':'hi','contentType':'text/x','clientTime':12,'ifLatest':0,'senderID':'alice'}");
	assert_int_equal(command->type, COMMAND_SEND);
	assert_string_equal(command->chat_id, "room");
	assert_string_equal(command->sender_id, "alice");
	assert_string_equal(command->body, "hi");
	assert_int_equal(command->body_len, 2);
	assert_string_equal(command->content_type, "text/x");
	assert_int_equal(command->client_time_ms, 12);
	assert_true(command->has_if_latest);
	assert_int_equal(command->if_latest, 0);
	assert_int_equal(command->replied_to, 0);
	assert_string_equal(command->key, "\x01rpc/sendMessage/a1");
	assert_true(command->at_ms > 0);
	command_free(command);
}

static void a_call_without_an_id_has_no_key(void **state)
{
	struct loop *loop = *state;
	struct command *command = command_of(&loop->scene, "alice", "sendMessage", "", "{'chatID':'room','messageBody':''}");
	assert_null(command->key);
	assert_string_equal(command->body, "");
	assert_null(command->content_type);
	assert_false(command->has_if_latest);
	command_free(command);
}

static void the_longest_key_fits(void **state)
{
	struct loop *loop = *state;
	char id[COMMAND_ID_MAX + 1];
	memset(id, 'i', COMMAND_ID_MAX);
	id[COMMAND_ID_MAX] = '\0';
	const struct rpc_operation *operation;
	for (size_t i = 0; (operation = operation_at(i)) != NULL; i++)
		if (operation->kind == RPC_COMMAND)
			assert_in_range(strlen("\x01rpc/") + strlen(operation->name) + 1 + strlen(id), 1, KEY_MAX);
	struct command *command = command_of(&loop->scene, "alice", "createPeerToPeerChat", id, "{'receiverUserID':'bob'}");
	assert_in_range(strlen(command->key), COMMAND_ID_MAX, KEY_MAX);
	command_free(command);
}

static void the_same_call_has_the_same_hash(void **state)
{
	struct loop *loop = *state;
	struct command *first = command_of(&loop->scene, "alice", "sendMessage", "1", "{'chatID':'room','messageBody':'hi'}");
	struct command *again = command_of(&loop->scene, "alice", "sendMessage", "1", "{'messageBody':'hi','chatID':'room'}");
	struct command *other = command_of(&loop->scene, "alice", "sendMessage", "1", "{'messageBody':'ho','chatID':'room'}");
	assert_memory_equal(first->key_hash, again->key_hash, ID_BYTES);
	assert_memory_not_equal(first->key_hash, other->key_hash, ID_BYTES);
	command_free(first);
	command_free(again);
	command_free(other);
}

static void reply_message_answers_a_message(void **state)
{
	struct loop *loop = *state;
	struct command *command =
		command_of(&loop->scene, "alice", "replyMessage", "1", "{'chatID':'room','messageID':4,'messageBody':'indeed'}");
	assert_int_equal(command->type, COMMAND_SEND);
	assert_int_equal(command->replied_to, 4);
	assert_string_equal(command->key, "\x01rpc/replyMessage/1");
	command_free(command);
}

static void create_peer_to_peer_chat_names_the_chat_of_the_two(void **state)
{
	struct loop *loop = *state;
	struct scene *scene = &loop->scene;
	struct command *from_alice = command_of(scene, "alice", "createPeerToPeerChat", "1", "{'receiverUserID':'bob'}");
	struct command *from_bob = command_of(scene, "bob", "createPeerToPeerChat", "1", "{'receiverUserID':'alice','initiatorID':'bob'}");
	assert_int_equal(from_alice->type, COMMAND_CREATE);
	assert_string_equal(from_alice->peer_id, "bob");
	assert_string_equal(from_alice->chat_id, from_bob->chat_id);
	assert_string_equal(from_alice->chat_id, scene_pair(scene, "alice", "bob"));
	command_free(from_alice);
	command_free(from_bob);
}

static void no_command_for_somebody_else_or_with_oneself(void **state)
{
	struct loop *loop = *state;
	assert_null(command_of(&loop->scene, "alice", "sendMessage", "1", "{'chatID':'room','messageBody':'hi','senderID':'bob'}"));
	assert_null(command_of(&loop->scene, "alice", "createPeerToPeerChat", "1", "{'receiverUserID':'alice'}"));
}

static json_t *answer_to(struct loop *loop, const char *operation, const char *args, const struct answer *answer)
{
	struct rpc_request *request = scene_request(&loop->scene, "alice", operation, "1", args);
	rpc_command_done(request, answer);
	return scene_answer(request);
}

static void a_command_that_was_done_is_answered_with_its_numbers(void **state)
{
	struct loop *loop = *state;
	json_t *answer =
		answer_to(loop, "sendMessage", "{'chatID':'room','messageBody':'hi'}", &(struct answer){.chat_id = "room", .number = 6});
	assert_string_equal(text_at(answer, "result.chatID"), "room");
	assert_int_equal(number_at(answer, "result.messageID"), 6);
	assert_int_equal(number_at(answer, "result.transactionID"), 6);
	json_decref(answer);
	answer = answer_to(loop, "createPeerToPeerChat", "{'receiverUserID':'bob'}", &(struct answer){.chat_id = "c", .repeated = true});
	assert_string_equal(text_at(answer, "result.chatID"), "c");
	json_decref(answer);
}

static void what_was_deleted_already_is_answered_without_a_number(void **state)
{
	struct loop *loop = *state;
	json_t *answer =
		answer_to(loop, "deleteMessage", "{'chatID':'room','messageID':4}", &(struct answer){.chat_id = "room", .repeated = true});
	assert_int_equal(number_at(answer, "result.messageID"), 4);
	assert_null(json_object_get(json_object_get(answer, "result"), "transactionID"));
	json_decref(answer);
}

static void a_refusal_names_the_argument_of_the_operation(void **state)
{
	struct loop *loop = *state;
	static const char args[] = "{'chatID':'room','messageID':4,'messageBody':'hi'}";
	struct verdict verdict;
	refuse(&verdict, REFUSAL_ID_REUSED, NULL);
	json_t *answer = answer_to(loop, "replyMessage", args, &(struct answer){.refused = &verdict, .chat_id = "room"});
	assert_non_null(strstr(text_at(answer, "error.message"), "id:"));
	assert_null(strstr(text_at(answer, "error.message"), "commandID"));
	assert_refused(answer, "id_reused");
	refuse(&verdict, REFUSAL_FORBIDDEN, "repliedTo: there is no such message");
	answer = answer_to(loop, "replyMessage", args, &(struct answer){.refused = &verdict, .chat_id = "room"});
	assert_string_equal(text_at(answer, "error.message"), "messageID: there is no such message");
	assert_refused(answer, "forbidden");
	refuse(&verdict, REFUSAL_UNAVAILABLE, NULL);
	verdict.retry_after_ms = 1000;
	answer = answer_to(loop, "replyMessage", args, &(struct answer){.refused = &verdict, .chat_id = "room"});
	assert_int_equal(number_at(answer, "error.retryAfter"), 1000);
	json_decref(answer);
}

/* ---- from memory ---- */

static void everybody_is_told_who_he_is(void **state)
{
	struct loop *loop = *state;
	struct rpc_request *request = scene_request(&loop->scene, "alice", "getChatUserID", "1", "{}");
	request->device = mem_text("laptop");
	request->finish = finish;
	request->at_ms = 1790000000123;
	rpc_local(request, 0);
	json_t *answer = take_answer(loop);
	assert_string_equal(text_at(answer, "result.userID"), "alice");
	assert_string_equal(text_at(answer, "result.deviceID"), "laptop");
	assert_int_equal(number_at(answer, "result.serverTime"), 1790000000123);
	assert_string_equal(text_at(answer, "result.epoch"), loop->scene.world.info.epoch);
	json_decref(answer);
	answer = asks_local(loop, "alice", "getChatUserID", "{}");
	assert_false(has(answer, "result.deviceID"));
	json_decref(answer);
}

static void the_server_tells_what_it_can(void **state)
{
	struct loop *loop = *state;
	json_t *answer = asks_local(loop, "alice", "getServerInfo", "{}");
	assert_string_equal(text_at(answer, "result.version"), HC_VERSION);
	assert_int_equal(count_at(answer, "result.features"), scene_operation_count());
	assert_int_equal(number_at(answer, "result.limits.bodyBytes"), 16384);
	assert_int_equal(number_at(answer, "result.limits.pageItems"), 200);
	json_decref(answer);
}

static uint32_t bound_set;

static void keep_bound(const struct rpc_request *request, uint32_t max_bytes)
{
	assert_string_equal(request->user_id, "alice");
	bound_set = max_bytes;
}

static void a_device_sets_its_bound(void **state)
{
	struct loop *loop = *state;
	assert_refused(asks_local(loop, "alice", "setDevice", "{'maxBytes':1024}"), "unavailable");
	loop->scene.world.set_device = keep_bound;
	json_t *answer = asks_local(loop, "alice", "setDevice", "{'maxBytes':1024}");
	assert_int_equal(number_at(answer, "result.maxBytes"), 1024);
	assert_int_equal(bound_set, 1024);
	json_decref(answer);
}

static void a_request_keeps_the_limits_it_came_under(void **state)
{
	struct loop *loop = *state;
	struct rpc_request *request = scene_request(&loop->scene, "alice", "getServerInfo", "1", "{}");
	request->finish = finish;
	loop->scene.world.page_max = 7;
	rpc_local(request, 0);
	json_t *answer = take_answer(loop);
	assert_int_equal(number_at(answer, "result.limits.pageItems"), 200);
	json_decref(answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(send_message_is_a_command),
		TEST(a_call_without_an_id_has_no_key),
		TEST(the_longest_key_fits),
		TEST(the_same_call_has_the_same_hash),
		TEST(reply_message_answers_a_message),
		TEST(create_peer_to_peer_chat_names_the_chat_of_the_two),
		TEST(no_command_for_somebody_else_or_with_oneself),
		TEST(a_command_that_was_done_is_answered_with_its_numbers),
		TEST(what_was_deleted_already_is_answered_without_a_number),
		TEST(a_refusal_names_the_argument_of_the_operation),
		TEST(everybody_is_told_who_he_is),
		TEST(the_server_tells_what_it_can),
		TEST(a_device_sets_its_bound),
		TEST(a_request_keeps_the_limits_it_came_under),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
