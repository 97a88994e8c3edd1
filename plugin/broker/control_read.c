/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What operators send, taken apart and checked by the table. Pure; any thread. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "plugin/auth/user_id.h"
#include "plugin/broker/control_table.h"
#include "storage/transaction.h"

const struct control_command *control_find(const char *name)
{
	for (size_t i = 0; i < CONTROL_COUNT; i++)
		if (strcmp(control_table[i].name, name) == 0)
			return &control_table[i];
	return NULL;
}

/* ---- one argument ---- */

static bool is_plain(const char *text, size_t len, size_t max)
{
	return len >= 1 && len <= max && text_is_utf8(text, len) && !text_has_control(text, len);
}

static bool text_fits(const struct control_argument *argument, const char *text, size_t len, struct error *err)
{
	const char *name = argument->name;
	switch (argument->type) {
	case CONTROL_USER:
		return user_id_is_valid(text, len) || error_set(err, 0, 0, "%s: a user ID, written as in topics, with %%XX for /, +, # and %%", name);
	case CONTROL_DEVICE:
		return len == 0 || (is_plain(text, len, AUTH_DEVICE_MAX) && strpbrk(text, "/+#") == NULL) ||
		       error_set(err, 0, 0, "%s: a device's name, at most %d bytes without /, + and #", name, AUTH_DEVICE_MAX);
	case CONTROL_CHAT:
		return (is_plain(text, len, CHAT_ID_MAX) && strpbrk(text, "/+#") == NULL) ||
		       error_set(err, 0, 0, "%s: 1 to %d bytes without /, +, # and control characters", name, CHAT_ID_MAX);
	default:
		return is_plain(text, len, (size_t)argument->max) ||
		       error_set(err, 0, 0, "%s: 1 to %llu bytes without control characters", name, (unsigned long long)argument->max);
	}
}

static bool is_word(const struct control_argument *argument, const char *text, struct error *err)
{
	struct buf words = BUF_EMPTY;
	for (size_t i = 0; argument->words[i] != NULL; i++) {
		if (strcmp(argument->words[i], text) == 0) {
			buf_fini(&words);
			return true;
		}
		buf_printf(&words, "%s%s", i > 0 ? ", " : "", argument->words[i]);
	}
	error_set(err, 0, 0, "%s: one of %s", argument->name, words.data);
	buf_fini(&words);
	return false;
}

static bool number_fits(const struct control_argument *argument, json_int_t number, struct error *err)
{
	return (number >= 0 && (uint64_t)number <= argument->max) ||
	       error_set(err, 0, 0, "%s: a number from 0 to %llu", argument->name, (unsigned long long)argument->max);
}

static bool value_fits(const struct control_argument *argument, const json_t *value, struct error *err)
{
	if (argument->type == CONTROL_FLAG)
		return json_is_boolean(value) || error_set(err, 0, 0, "%s: true or false", argument->name);
	if (argument->type == CONTROL_NUMBER)
		return number_fits(argument, json_is_integer(value) ? json_integer_value(value) : -1, err);
	if (!json_is_string(value))
		return error_set(err, 0, 0, "%s: a text", argument->name);
	const char *text = json_string_value(value);
	return argument->type == CONTROL_WORD ? is_word(argument, text, err) : text_fits(argument, text, json_string_length(value), err);
}

static json_int_t number_of(const char *text)
{
	uint64_t number;
	return text_to_u64(text, strlen(text), INT64_MAX, &number) ? (json_int_t)number : -1;
}

json_t *control_value(const struct control_argument *argument, const char *text, struct error *err)
{
	json_t *value = argument->type == CONTROL_NUMBER ? json_integer(number_of(text))
	                : argument->type == CONTROL_FLAG ? json_true()
	                                                 : json_string(text);
	if (value == NULL) {
		error_set(err, 0, 0, "%s: it is not UTF-8", argument->name);
		return NULL;
	}
	if (value_fits(argument, value, err))
		return value;
	json_decref(value);
	return NULL;
}

/* ---- a command ---- */

static const struct control_argument *argument_find(const struct control_command *command, const char *name)
{
	for (const struct control_argument *argument = command->arguments; argument->name != NULL; argument++)
		if (strcmp(argument->name, name) == 0)
			return argument;
	return NULL;
}

static bool is_known(const struct control_command *command, const char *name)
{
	return strcmp(name, "command") == 0 || strcmp(name, "correlationData") == 0 || argument_find(command, name) != NULL;
}

bool control_check(const struct control_command *command, const json_t *object, struct error *err)
{
	const char *name;
	const json_t *value;
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
		if (!is_known(command, name))
			return error_set(err, 0, 0, "%s takes no '%.40s'", command->name, name);
	for (const struct control_argument *argument = command->arguments; argument->name != NULL; argument++) {
		value = json_object_get(object, argument->name);
		if (value == NULL && argument->required)
			return error_set(err, 0, 0, "%s is missing", argument->name);
		if (value != NULL && !value_fits(argument, value, err))
			return false;
	}
	return true;
}

json_t *control_read(const char *payload, size_t len, struct error *err)
{
	if (len > CONTROL_PAYLOAD_MAX) {
		error_set(err, 0, 0, "at most %d bytes are taken", CONTROL_PAYLOAD_MAX);
		return NULL;
	}
	json_t *object = json_read_object(payload, len, err);
	if (object == NULL)
		return NULL;
	json_t *commands = json_object_get(object, "commands");
	size_t count = json_array_size(commands);
	bool fits = count >= 1 && count <= CONTROL_COMMANDS_MAX;
	if (!fits)
		error_set(err, 0, 0, "commands: an array of 1 to %d objects", CONTROL_COMMANDS_MAX);
	else
		json_incref(commands);
	json_decref(object);
	return fits ? commands : NULL;
}

/* ---- as text ---- */

static void add_value(const json_t *value, struct buf *out)
{
	const char *text = json_string_value(value);
	if (text == NULL && json_is_integer(value))
		buf_printf(out, "%lld", (long long)json_integer_value(value));
	else if (text == NULL)
		buf_add_text(out, json_is_true(value) ? "true" : "false");
	else if (text[0] != '\0' && strpbrk(text, " \"\\=") == NULL)
		buf_add_text(out, text);
	else
		json_add_string(out, text, strlen(text));
}

void control_add_arguments(const struct control_command *command, const json_t *object, struct buf *out)
{
	size_t before = out->len;
	for (const struct control_argument *argument = command->arguments; argument->name != NULL; argument++) {
		const json_t *value = json_object_get(object, argument->name);
		if (value == NULL)
			continue;
		buf_printf(out, "%s%s=", out->len > before ? " " : "", argument->name);
		add_value(value, out);
	}
}

static void add_upper(const char *name, struct buf *out)
{
	for (; *name != '\0'; name++)
		buf_add_char(out, *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name);
}

void control_add_synopsis(const struct control_command *command, struct buf *out)
{
	buf_add_text(out, command->name);
	for (const struct control_argument *argument = command->arguments; argument->name != NULL; argument++) {
		if (argument->required) {
			buf_add_char(out, ' ');
			add_upper(argument->name, out);
			continue;
		}
		buf_printf(out, " [--%s", argument->name);
		if (argument->type != CONTROL_FLAG) {
			buf_add_char(out, ' ');
			add_upper(argument->name, out);
		}
		buf_add_char(out, ']');
	}
}

void control_add_help(const struct control_command *command, struct buf *out)
{
	for (const struct control_argument *argument = command->arguments; argument->name != NULL; argument++) {
		buf_add_text(out, "  ");
		if (argument->required)
			add_upper(argument->name, out);
		else
			buf_printf(out, "--%s", argument->name);
		buf_printf(out, "  %s", argument->help);
		for (size_t i = 0; argument->words != NULL && argument->words[i] != NULL; i++)
			buf_printf(out, "%s%s", i > 0 ? ", " : ": ", argument->words[i]);
		buf_add_char(out, '\n');
	}
}
