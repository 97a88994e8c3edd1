/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The table of operators' commands, and what they send, taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/control_table.h"

static struct error err;

static json_t *object(const char *text)
{
	json_t *value = json_loads(text, JSON_ALLOW_NUL, NULL);
	assert_non_null(value);
	return value;
}

static bool checks(const char *name, const char *text)
{
	json_t *value = object(text);
	bool good = control_check(control_find(name), value, &err);
	json_decref(value);
	return good;
}

static void is_refused(const char *name, const char *text, const char *why)
{
	assert_false(checks(name, text));
	assert_non_null(strstr(err.text, why));
}

/* ---- the table ---- */

static void each_command_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONTROL_COUNT; i++) {
		const struct control_command *command = &control_table[i];
		assert_ptr_equal(control_find(command->name), command); /* so no name is there twice */
		assert_non_null(command->summary);
		bool optional = false;
		for (size_t a = 0; command->arguments[a].name != NULL; a++) {
			const struct control_argument *argument = &command->arguments[a];
			assert_true(a < CONTROL_ARGUMENTS_MAX);
			assert_non_null(argument->help);
			assert_true(argument->type != CONTROL_WORD || argument->words != NULL);
			assert_true((argument->type != CONTROL_NUMBER && argument->type != CONTROL_TEXT) || argument->max > 0);
			assert_false(argument->required && optional); /* on a command line they stand in the table's order */
			optional = !argument->required;
		}
	}
	assert_null(control_find("fly"));
	assert_null(control_find(""));
}

static void what_changes_something_or_shows_texts_is_audited(void **state)
{
	(void)state;
	static const char *const LOOKS[] = {"status", "metrics", "keys", "listUsers", "getUser", "listChats", "getChat", "listMembers", "listAudit"};
	size_t looks = 0;
	for (size_t i = 0; i < sizeof LOOKS / sizeof *LOOKS; i++)
		assert_false(control_find(LOOKS[i])->audited);
	for (size_t i = 0; i < CONTROL_COUNT; i++)
		looks += !control_table[i].audited;
	assert_int_equal(looks, sizeof LOOKS / sizeof *LOOKS);
}

/* ---- commands ---- */

static void a_command_needs_its_arguments_and_takes_no_others(void **state)
{
	(void)state;
	assert_true(checks("ban", "{\"command\":\"ban\",\"user\":\"bob\",\"correlationData\":\"1\"}"));
	assert_true(checks("kick", "{\"command\":\"kick\",\"user\":\"bob\",\"device\":\"\"}"));
	is_refused("ban", "{\"command\":\"ban\"}", "user is missing");
	is_refused("ban", "{\"command\":\"ban\",\"user\":\"bob\",\"device\":\"phone\"}", "takes no 'device'");
}

static void values_are_of_their_kind(void **state)
{
	(void)state;
	is_refused("ban", "{\"user\":null}", "user: a text");
	is_refused("ban", "{\"user\":\"\"}", "user: a user ID");
	is_refused("ban", "{\"user\":\"a+b\"}", "user: a user ID");
	is_refused("ban", "{\"user\":\"a\\u0000b\"}", "user: a user ID");
	is_refused("kick", "{\"user\":\"bob\",\"device\":\"a/b\"}", "device: a device's name");
	is_refused("kick", "{\"user\":\"bob\",\"device\":\"a\\u0000b\"}", "device: a device's name");
	is_refused("getChat", "{\"chat\":\"a/b\"}", "chat: 1 to 64 bytes");
	is_refused("listUsers", "{\"count\":1001}", "count: a number from 0 to 1000");
	is_refused("listUsers", "{\"count\":-1}", "count: a number");
	is_refused("listUsers", "{\"count\":1.5}", "count: a number");
	is_refused("listUsers", "{\"connected\":1}", "connected: true or false");
	is_refused("drain", "{\"action\":\"off\"}", "action: one of start, stop, show");
	assert_true(checks("drain", "{\"action\":\"stop\"}"));
	assert_true(checks("listUsers", "{\"connected\":false,\"count\":0}"));
}

static void is_value(const char *command, size_t argument, const char *text, const char *json)
{
	json_t *value = control_value(&control_find(command)->arguments[argument], text, &err);
	char *shown = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	if (json == NULL)
		assert_null(shown);
	else
		assert_string_equal(shown, json);
	free(shown);
	json_decref(value);
}

static void a_command_line_says_the_same(void **state)
{
	(void)state;
	is_value("ban", 0, "bob", "\"bob\"");
	is_value("ban", 0, "a/b", NULL);
	is_value("ban", 0, "\xff", NULL);
	is_value("listUsers", 1, "10", "10");
	is_value("listUsers", 1, "1001", NULL);
	is_value("listUsers", 1, "", NULL);
	is_value("listUsers", 1, "1x", NULL);
	is_value("exportChat", 1, "9223372036854775808", NULL);
	is_value("listUsers", 2, "", "true");
	is_value("drain", 0, "show", "\"show\"");
}

/* ---- payloads ---- */

static void is_no_payload(const char *text, const char *why)
{
	json_t *commands = control_read(text, strlen(text), &err);
	assert_null(commands);
	assert_non_null(strstr(err.text, why));
}

static void a_payload_has_one_to_32_commands(void **state)
{
	(void)state;
	const char *text = "{\"commands\":[{},7]}";
	json_t *commands = control_read(text, strlen(text), &err);
	assert_int_equal(json_array_size(commands), 2); /* what is in it is looked at one by one */
	json_decref(commands);
	is_no_payload("{\"commands\":[]}", "an array of 1 to 32");
	is_no_payload("{\"commands\":{}}", "an array of 1 to 32");
	is_no_payload("{}", "an array of 1 to 32");
	is_no_payload("", "");
	is_no_payload("[]", "");
	char *large = malloc(CONTROL_PAYLOAD_MAX + 1);
	memset(large, ' ', CONTROL_PAYLOAD_MAX + 1);
	assert_null(control_read(large, CONTROL_PAYLOAD_MAX + 1, &err));
	assert_non_null(strstr(err.text, "at most 65536 bytes"));
	free(large);
}

/* ---- as text ---- */

static void arguments_are_shown_without_room_for_others(void **state)
{
	(void)state;
	struct buf out = BUF_EMPTY;
	json_t *value = object("{\"chat\":\"x y\",\"owner\":\"al=ice\",\"name\":\"a\\\"b\",\"history\":\"all\",\"command\":\"createRoom\"}");
	control_add_arguments(control_find("createRoom"), value, &out);
	assert_string_equal(out.data, "chat=\"x y\" owner=\"al=ice\" name=\"a\\\"b\" history=all");
	json_decref(value);
	buf_clear(&out);
	control_add_synopsis(control_find("kick"), &out);
	assert_string_equal(out.data, "kick USER [--device DEVICE]");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_is_whole),
		cmocka_unit_test(what_changes_something_or_shows_texts_is_audited),
		cmocka_unit_test(a_command_needs_its_arguments_and_takes_no_others),
		cmocka_unit_test(values_are_of_their_kind),
		cmocka_unit_test(a_command_line_says_the_same),
		cmocka_unit_test(a_payload_has_one_to_32_commands),
		cmocka_unit_test(arguments_are_shown_without_room_for_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
