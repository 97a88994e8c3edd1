/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What operations take and refuse, and in which words. The cases of every argument are made from the table, so that a new one has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_scene.h"

static const struct rpc_world world = {.body_max = 1000, .page_max = 50, .answer_bytes_max = 65536};

static json_t *users_of(uint64_t count)
{
	json_t *users = json_array();
	for (uint64_t i = 0; i < count; i++) {
		char user_id[32];
		snprintf(user_id, sizeof user_id, "user%llu", (unsigned long long)i);
		json_array_append_new(users, json_string(user_id));
	}
	return users;
}

static json_t *text_of(size_t len);
static json_t *good_members(const struct argument *arguments);

/* A value that is fine; the caller has it. */
static json_t *good_value(const struct argument *argument)
{
	switch (argument->type) {
	case ARGUMENT_NUMBER:
	case ARGUMENT_PAGE_SIZE:
		return json_integer((json_int_t)argument->min);
	case ARGUMENT_POSITIONS:
		return json_pack("{si}", "someChat", 3);
	case ARGUMENT_USERS:
		return users_of(argument->min);
	case ARGUMENT_FLAG:
		return json_true();
	case ARGUMENT_CHOICE:
		return json_string(argument->choices[0]);
	case ARGUMENT_OBJECT:
		return good_members(argument->members);
	default:
		return argument->min > 7 ? text_of(argument->min) : json_string("someone");
	}
}

static json_t *good_members(const struct argument *arguments)
{
	json_t *args = json_object();
	for (const struct argument *argument = arguments; argument->name != NULL; argument++)
		json_object_set_new(args, argument->name, good_value(argument));
	return args;
}

static json_t *good_args(const struct rpc_operation *operation)
{
	return good_members(operation->arguments);
}

/* The verdict on the arguments; code REFUSAL_NONE: taken. Takes args over. */
static struct verdict verdict_on(const struct rpc_operation *operation, json_t *args)
{
	struct verdict verdict = {0};
	char *payload = json_dumps(args, 0);
	struct rpc_request *request = rpc_parse(&world, operation->name, "7", payload, strlen(payload), &verdict);
	assert_true((request == NULL) == (verdict.code != REFUSAL_NONE));
	rpc_free(request);
	free(payload);
	json_decref(args);
	return verdict;
}

static void assert_refused(const struct rpc_operation *operation, json_t *args, enum refusal code, const char *name, const char *why)
{
	struct verdict verdict = verdict_on(operation, args);
	size_t len = strlen(name);
	bool named = strncmp(verdict.message, name, len) == 0 && verdict.message[len] == ':';
	if (verdict.code != code || !named || strstr(verdict.message, why) == NULL)
		fail_msg("%s, %s: %s (%s), but expected %s with \"%s\"", operation->name, name, refusal_name(verdict.code), verdict.message,
			refusal_name(code), why);
}

static json_t *with(const struct rpc_operation *operation, const char *name, json_t *value)
{
	json_t *args = good_args(operation);
	json_object_set_new(args, name, value);
	return args;
}

static json_t *text_of(size_t len)
{
	char *text = mem_new(len + 1);
	memset(text, 'x', len);
	json_t *json = json_stringn(text, len);
	free(text);
	return json;
}

typedef void check_fn(const struct rpc_operation *operation, const struct argument *argument);

static void each_argument(check_fn *check)
{
	const struct rpc_operation *operation;
	for (size_t i = 0; (operation = operation_at(i)) != NULL; i++)
		for (const struct argument *argument = operation->arguments; argument->name != NULL; argument++)
			check(operation, argument);
}

static void every_operation_takes_good_arguments(void **state)
{
	(void)state;
	const struct rpc_operation *operation;
	for (size_t i = 0; (operation = operation_at(i)) != NULL; i++)
		assert_int_equal(verdict_on(operation, good_args(operation)).code, REFUSAL_NONE);
}

static void check_missing(const struct rpc_operation *operation, const struct argument *argument)
{
	json_t *args = good_args(operation);
	json_object_del(args, argument->name);
	if (argument->required)
		assert_refused(operation, args, REFUSAL_BAD_REQUEST, argument->name, "is missing");
	else
		assert_int_equal(verdict_on(operation, args).code, REFUSAL_NONE);
}

static void a_missing_argument_is_named_if_it_is_required(void **state)
{
	(void)state;
	each_argument(check_missing);
}

static bool is_text(const struct argument *argument)
{
	return argument->type <= ARGUMENT_TEXT;
}

static void check_types(const struct rpc_operation *operation, const struct argument *argument)
{
	bool text = is_text(argument) || argument->type == ARGUMENT_CHOICE;
	json_t *wrong[] = {json_null(), argument->type == ARGUMENT_FLAG ? json_string("true") : json_true(),
		argument->type == ARGUMENT_USERS ? json_object() : json_array(), json_real(1.0), text ? json_integer(1) : json_string("1")};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_refused(operation, with(operation, argument->name, wrong[i]), REFUSAL_BAD_REQUEST, argument->name, "must be ");
	if (argument->type != ARGUMENT_POSITIONS && argument->type != ARGUMENT_OBJECT)
		assert_refused(
			operation, with(operation, argument->name, json_pack("{s{}}", "a")), REFUSAL_BAD_REQUEST, argument->name, "must be ");
}

static void a_wrong_type_is_refused(void **state)
{
	(void)state;
	each_argument(check_types);
}

static void check_long_text(const struct rpc_operation *operation, const struct argument *argument)
{
	if (!is_text(argument))
		return;
	bool body = argument->type == ARGUMENT_BODY;
	size_t max = body ? world.body_max : argument->max;
	assert_int_equal(verdict_on(operation, with(operation, argument->name, text_of(max))).code, REFUSAL_NONE);
	assert_refused(operation, with(operation, argument->name, text_of(max + 1)), body ? REFUSAL_TOO_LARGE : REFUSAL_BAD_REQUEST,
		argument->name, "bytes");
	if (argument->min > 0)
		assert_refused(operation, with(operation, argument->name, text_of(argument->min - 1)), REFUSAL_BAD_REQUEST, argument->name, " to ");
}

static void a_text_is_bounded(void **state)
{
	(void)state;
	each_argument(check_long_text);
}

static void check_range(const struct rpc_operation *operation, const struct argument *argument)
{
	if (argument->type != ARGUMENT_NUMBER && argument->type != ARGUMENT_PAGE_SIZE)
		return;
	json_int_t min = (json_int_t)argument->min;
	json_int_t max = argument->type == ARGUMENT_PAGE_SIZE ? world.page_max : (json_int_t)argument->max;
	assert_int_equal(verdict_on(operation, with(operation, argument->name, json_integer(max))).code, REFUSAL_NONE);
	json_int_t wrong[] = {min - 1, max + 1, -1, INT64_MIN, INT64_MAX};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_refused(operation, with(operation, argument->name, json_integer(wrong[i])), REFUSAL_BAD_REQUEST, argument->name, " to ");
}

static void a_number_is_bounded(void **state)
{
	(void)state;
	each_argument(check_range);
}

static void check_controls(const struct rpc_operation *operation, const struct argument *argument)
{
	if (!is_text(argument))
		return;
	json_t *args = with(operation, argument->name, json_string("a\nb\x7f"));
	if (argument->type == ARGUMENT_BODY)
		assert_int_equal(verdict_on(operation, args).code, REFUSAL_NONE);
	else
		assert_refused(operation, args, REFUSAL_BAD_REQUEST, argument->name, "control");
}

static void only_a_body_may_have_control_characters(void **state)
{
	(void)state;
	each_argument(check_controls);
}

static void check_chat_id(const struct rpc_operation *operation, const struct argument *argument)
{
	static const char *const wrong[] = {"a/b", "+", "#", "room#1"};
	for (size_t i = 0; argument->type == ARGUMENT_CHAT && i < sizeof wrong / sizeof *wrong; i++)
		assert_refused(operation, with(operation, argument->name, json_string(wrong[i])), REFUSAL_BAD_REQUEST, argument->name, "no chat");
}

static void a_chat_id_is_one_level_of_a_topic(void **state)
{
	(void)state;
	each_argument(check_chat_id);
}

static void check_users(const struct rpc_operation *operation, const struct argument *argument)
{
	if (argument->type != ARGUMENT_USERS)
		return;
	assert_int_equal(verdict_on(operation, with(operation, argument->name, users_of(argument->max))).code, REFUSAL_NONE);
	assert_refused(operation, with(operation, argument->name, users_of(argument->max + 1)), REFUSAL_TOO_LARGE, argument->name, "user IDs");
	if (argument->min > 0)
		assert_refused(operation, with(operation, argument->name, json_array()), REFUSAL_BAD_REQUEST, argument->name, "user IDs");
	json_t *wrong[] = {json_pack("[ss]", "bob", "bob"), json_pack("[i]", 1), json_pack("[s]", ""), json_pack("[s]", "a\nb"),
		json_pack("[o]", text_of(USER_ID_MAX + 1))};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_refused(operation, with(operation, argument->name, wrong[i]), REFUSAL_BAD_REQUEST, argument->name, "each is a user ID");
}

static void users_are_checked_one_by_one(void **state)
{
	(void)state;
	each_argument(check_users);
}

static void check_choice(const struct rpc_operation *operation, const struct argument *argument)
{
	if (argument->type != ARGUMENT_CHOICE)
		return;
	for (const char *const *choice = argument->choices; *choice != NULL; choice++)
		assert_int_equal(verdict_on(operation, with(operation, argument->name, json_string(*choice))).code, REFUSAL_NONE);
	assert_refused(operation, with(operation, argument->name, json_string("Owner")), REFUSAL_BAD_REQUEST, argument->name, "none of its");
}

static void a_choice_is_one_of_its_values(void **state)
{
	(void)state;
	each_argument(check_choice);
}

static void check_inside(const struct rpc_operation *operation, const struct argument *argument)
{
	for (const struct argument *member = argument->members; member != NULL && member->name != NULL; member++) {
		char name[64];
		json_t *value = good_members(argument->members);
		json_object_set_new(value, member->name, json_null());
		snprintf(name, sizeof name, "%s.%s", argument->name, member->name);
		assert_refused(operation, with(operation, argument->name, value), REFUSAL_BAD_REQUEST, name, "must be ");
	}
}

static void what_is_wrong_inside_an_object_is_named_with_it(void **state)
{
	(void)state;
	each_argument(check_inside);
}

static void check_other_name(const struct rpc_operation *operation, const struct argument *argument)
{
	if (argument->also == NULL)
		return;
	json_t *args = with(operation, argument->also, good_value(argument));
	assert_refused(operation, json_deep_copy(args), REFUSAL_BAD_REQUEST, argument->name, argument->also);
	json_object_del(args, argument->name);
	assert_int_equal(verdict_on(operation, args).code, REFUSAL_NONE);
}

static void an_argument_may_come_by_its_other_name_but_not_by_both(void **state)
{
	(void)state;
	each_argument(check_other_name);
}

static void check_positions(const struct rpc_operation *operation, const struct argument *argument)
{
	if (argument->type != ARGUMENT_POSITIONS)
		return;
	json_t *many = json_object();
	for (int i = 0; i <= RPC_POSITIONS_MAX; i++) {
		char chat_id[16];
		snprintf(chat_id, sizeof chat_id, "c%d", i);
		json_object_set_new(many, chat_id, json_integer(0));
	}
	assert_refused(operation, with(operation, argument->name, many), REFUSAL_TOO_LARGE, argument->name, "2000");
	const char *wrong_ids[] = {"", "a/b", "#"};
	for (size_t i = 0; i < 3; i++)
		assert_refused(operation, with(operation, argument->name, json_pack("{si}", wrong_ids[i], 1)), REFUSAL_BAD_REQUEST, argument->name,
			"each key");
	assert_refused(operation, with(operation, argument->name, json_pack("{si}", "c", -1)), REFUSAL_BAD_REQUEST, argument->name, "each key");
	assert_refused(
		operation, with(operation, argument->name, json_pack("{ss}", "c", "1")), REFUSAL_BAD_REQUEST, argument->name, "each key");
}

static void positions_are_checked_one_by_one(void **state)
{
	(void)state;
	each_argument(check_positions);
}

static void an_unknown_argument_is_named_if_it_is_harmless(void **state)
{
	(void)state;
	const struct rpc_operation *operation;
	for (size_t i = 0; (operation = operation_at(i)) != NULL; i++) {
		assert_refused(operation, with(operation, "chatid", json_true()), REFUSAL_BAD_REQUEST, "chatid", "no such argument");
		assert_refused(operation, with(operation, "<b>evil\n", json_true()), REFUSAL_BAD_REQUEST, "arguments", "no such argument");
		assert_refused(operation, with(operation, "", json_true()), REFUSAL_BAD_REQUEST, "arguments", "no such argument");
	}
}

static struct verdict verdict_on_text(const char *operation, const char *id, const char *payload, size_t len)
{
	struct verdict verdict = {0};
	struct rpc_request *request = rpc_parse(&world, operation, id, payload, len, &verdict);
	assert_true((request == NULL) == (verdict.code != REFUSAL_NONE));
	rpc_free(request);
	return verdict;
}

static void what_is_no_object_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *payload, *why;
	} cases[] = {
		{"[]", "object"},
		{"7", "not valid JSON"},
		{"{", "not valid JSON"},
		{"{} x", "not valid JSON"},
		{"{\"chatID\":\"a\",\"chatID\":\"b\"}", "a key stands twice"},
		{"{\"chatID\":\"\xff\"}", "invalid UTF-8"},
		{"{\"chatID\":\"\\u0000\"}", "U+0000"},
		{"{\"chatID\":\"\\ud800\"}", "not valid JSON"},
		{"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", "nested deeper"},
		{"{\"messageID\":1e999}", "not valid JSON"},
		{"{\"evil\":99999999999999999999}", "not valid JSON"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct verdict verdict = verdict_on_text("getMessage", "1", cases[i].payload, strlen(cases[i].payload));
		assert_int_equal(verdict.code, REFUSAL_BAD_REQUEST);
		if (strncmp(verdict.message, "arguments: ", 11) != 0 || strstr(verdict.message, cases[i].why) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].payload, verdict.message, cases[i].why);
	}
}

static void a_number_of_too_many_bits_is_named(void **state)
{
	(void)state;
	static const char *const payloads[] = {
		"{\"chatID\":\"a\",\"maxBytes\":300,\"messageID\":9223372036854775808}", "{\"messageID\":-99999999999999999999}"};
	for (size_t i = 0; i < 2; i++) {
		struct verdict verdict = verdict_on_text("getMessage", "1", payloads[i], strlen(payloads[i]));
		assert_int_equal(verdict.code, REFUSAL_BAD_REQUEST);
		assert_string_equal(verdict.message, "messageID: the number is out of range");
	}
}

static void nothing_counts_as_no_arguments(void **state)
{
	(void)state;
	assert_int_equal(verdict_on_text("ListChats", "1", NULL, 0).code, REFUSAL_NONE);
	assert_string_equal(verdict_on_text("getMessage", "1", NULL, 0).message, "chatID: is missing");
}

static void an_unknown_operation_is_refused(void **state)
{
	(void)state;
	static const char *const unknown[] = {"", "listChats", "ListChats ", "deleteEverything"};
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		struct verdict verdict = verdict_on_text(unknown[i], "1", "{}", 2);
		assert_int_equal(verdict.code, REFUSAL_BAD_REQUEST);
		assert_string_equal(verdict.message, "operation: there is no such operation");
	}
}

static void an_id_is_bounded(void **state)
{
	(void)state;
	char id[COMMAND_ID_MAX + 2];
	memset(id, 'i', sizeof id);
	id[COMMAND_ID_MAX + 1] = '\0';
	assert_int_equal(verdict_on_text("ListChats", id, "{}", 2).code, REFUSAL_BAD_REQUEST);
	id[COMMAND_ID_MAX] = '\0';
	assert_int_equal(verdict_on_text("ListChats", id, "{}", 2).code, REFUSAL_NONE);
	assert_int_equal(verdict_on_text("ListChats", "a\x01z", "{}", 2).code, REFUSAL_BAD_REQUEST);
	assert_int_equal(verdict_on_text("ListChats", "\xff", "{}", 2).code, REFUSAL_BAD_REQUEST);
	assert_int_equal(verdict_on_text("ListChats", NULL, "{}", 2).code, REFUSAL_NONE);
}

static void every_shape_that_is_named_is_there(void **state)
{
	(void)state;
	const struct rpc_operation *operation;
	const struct shape *shape;
	for (size_t i = 0; (operation = operation_at(i)) != NULL; i++)
		for (const struct field *field = operation->result; field->name != NULL; field++)
			assert_true(field->shape == NULL || shape_find(field->shape) != NULL);
	for (size_t i = 0; (shape = shape_at(i)) != NULL; i++)
		for (const struct field *field = shape->fields; field != NULL && field->name != NULL; field++)
			assert_true(field->shape == NULL || shape_find(field->shape) != NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_takes_good_arguments),
		cmocka_unit_test(a_missing_argument_is_named_if_it_is_required),
		cmocka_unit_test(a_wrong_type_is_refused),
		cmocka_unit_test(a_text_is_bounded),
		cmocka_unit_test(a_number_is_bounded),
		cmocka_unit_test(only_a_body_may_have_control_characters),
		cmocka_unit_test(a_chat_id_is_one_level_of_a_topic),
		cmocka_unit_test(positions_are_checked_one_by_one),
		cmocka_unit_test(users_are_checked_one_by_one),
		cmocka_unit_test(a_choice_is_one_of_its_values),
		cmocka_unit_test(what_is_wrong_inside_an_object_is_named_with_it),
		cmocka_unit_test(an_argument_may_come_by_its_other_name_but_not_by_both),
		cmocka_unit_test(an_unknown_argument_is_named_if_it_is_harmless),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(a_number_of_too_many_bits_is_named),
		cmocka_unit_test(nothing_counts_as_no_arguments),
		cmocka_unit_test(an_unknown_operation_is_refused),
		cmocka_unit_test(an_id_is_bounded),
		cmocka_unit_test(every_shape_that_is_named_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
