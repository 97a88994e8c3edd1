/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * From a payload to a request: everything that can be said about arguments without knowing any chat. Loop thread; nothing blocks. An
 * error text names the argument and never holds what the client wrote, but for the name of an argument that we don't know. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "plugin/rpc/table.h"

static bool check_length(const struct argument *argument, size_t len, uint64_t max, struct verdict *verdict)
{
	if (len >= argument->min && len <= max)
		return true;
	if (argument->type == ARGUMENT_BODY)
		refuse(verdict, REFUSAL_TOO_LARGE, "%s: more than %" PRIu64 " bytes", argument->name, max);
	else
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: %" PRIu64 " to %" PRIu64 " bytes", argument->name, argument->min, max);
	return false;
}

static bool is_chat_id(const char *text, size_t len)
{
	return len >= 1 && len <= CHAT_ID_MAX && !text_has_control(text, len) && text[strcspn(text, "/+#")] == '\0';
}

static bool check_text(const struct argument *argument, const json_t *value, const struct rpc_world *world, struct verdict *verdict)
{
	if (!json_is_string(value)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: must be a string", argument->name);
		return false;
	}
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);
	bool is_body = argument->type == ARGUMENT_BODY;
	if (!check_length(argument, len, is_body ? world->body_max : argument->max, verdict))
		return false;
	if (!is_body && text_has_control(text, len)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: no control characters", argument->name);
		return false;
	}
	if (argument->type == ARGUMENT_CHAT && !is_chat_id(text, len)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: no chat is called like that", argument->name);
		return false;
	}
	return true;
}

static bool check_number(const struct argument *argument, const json_t *value, const struct rpc_world *world, struct verdict *verdict)
{
	uint64_t max = argument->type == ARGUMENT_PAGE_SIZE ? world->page_max : argument->max;
	if (!json_is_integer(value)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: must be an integer", argument->name);
		return false;
	}
	json_int_t number = json_integer_value(value);
	if (number < 0 || (uint64_t)number < argument->min || (uint64_t)number > max) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: %" PRIu64 " to %" PRIu64, argument->name, argument->min, max);
		return false;
	}
	return true;
}

static bool is_position(const char *chat_id, const json_t *number)
{
	return is_chat_id(chat_id, strlen(chat_id)) && json_is_integer(number) && json_integer_value(number) >= 0 &&
		   (uint64_t)json_integer_value(number) <= RPC_NUMBER_MAX;
}

static bool check_positions(const struct argument *argument, json_t *value, struct verdict *verdict)
{
	if (!json_is_object(value)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: must be an object", argument->name);
		return false;
	}
	if (json_object_size(value) > argument->max) {
		refuse(verdict, REFUSAL_TOO_LARGE, "%s: more than %" PRIu64 " chats", argument->name, argument->max);
		return false;
	}
	const char *chat_id;
	json_t *number;
	json_object_foreach(value, chat_id, number)
	{
		if (is_position(chat_id, number))
			continue;
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: each key is a chatID, each value an integer from 0 to %" PRIu64, argument->name,
			RPC_NUMBER_MAX);
		return false;
	}
	return true;
}

static bool is_user_id(const json_t *value)
{
	size_t len = json_string_length(value);
	return json_is_string(value) && len >= 1 && len <= USER_ID_MAX && !text_has_control(json_string_value(value), len);
}

static bool stands_before(const json_t *users, size_t index)
{
	const char *user_id = json_string_value(json_array_get(users, index));
	for (size_t i = 0; i < index; i++)
		if (strcmp(json_string_value(json_array_get(users, i)), user_id) == 0)
			return true;
	return false;
}

static bool check_users(const struct argument *argument, const json_t *users, struct verdict *verdict)
{
	size_t count = json_array_size(users);
	if (!json_is_array(users)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: must be an array", argument->name);
		return false;
	}
	if (count < argument->min || count > argument->max) {
		enum refusal code = count > argument->max ? REFUSAL_TOO_LARGE : REFUSAL_BAD_REQUEST;
		refuse(verdict, code, "%s: %" PRIu64 " to %" PRIu64 " user IDs", argument->name, argument->min, argument->max);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (is_user_id(json_array_get(users, i)) && !stands_before(users, i))
			continue;
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: each is a user ID of 1 to %d bytes, none stands twice", argument->name, USER_ID_MAX);
		return false;
	}
	return true;
}

static bool check_flag(const struct argument *argument, const json_t *value, struct verdict *verdict)
{
	if (!json_is_boolean(value))
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: must be true or false", argument->name);
	return json_is_boolean(value);
}

static bool check_choice(const struct argument *argument, const json_t *value, struct verdict *verdict)
{
	if (!json_is_string(value)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: must be a string", argument->name);
		return false;
	}
	for (const char *const *choice = argument->choices; *choice != NULL; choice++)
		if (strcmp(*choice, json_string_value(value)) == 0)
			return true;
	refuse(verdict, REFUSAL_BAD_REQUEST, "%s: it is none of its values", argument->name);
	return false;
}

static bool check_arguments(const struct argument *arguments, json_t *args, const struct rpc_world *world, struct verdict *verdict);

/* What is wrong inside is named with the object's name before it. */
static bool check_object(const struct argument *argument, json_t *value, const struct rpc_world *world, struct verdict *verdict)
{
	struct verdict inner = {0};
	if (!json_is_object(value)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: must be an object", argument->name);
		return false;
	}
	if (check_arguments(argument->members, value, world, &inner))
		return true;
	refuse(verdict, inner.code, "%s.%s", argument->name, inner.message);
	return false;
}

static bool check_argument(const struct argument *argument, json_t *value, const struct rpc_world *world, struct verdict *verdict)
{
	switch (argument->type) {
	case ARGUMENT_NUMBER:
	case ARGUMENT_PAGE_SIZE:
		return check_number(argument, value, world, verdict);
	case ARGUMENT_POSITIONS:
		return check_positions(argument, value, verdict);
	case ARGUMENT_USERS:
		return check_users(argument, value, verdict);
	case ARGUMENT_FLAG:
		return check_flag(argument, value, verdict);
	case ARGUMENT_CHOICE:
		return check_choice(argument, value, verdict);
	case ARGUMENT_OBJECT:
		return check_object(argument, value, world, verdict);
	default:
		return check_text(argument, value, world, verdict);
	}
}

static bool is_known(const struct argument *arguments, const char *name)
{
	for (const struct argument *argument = arguments; argument->name != NULL; argument++)
		if (strcmp(argument->name, name) == 0)
			return true;
	return false;
}

/* What came by its other name gets its first one. */
static bool settle_names(const struct argument *arguments, json_t *args, struct verdict *verdict)
{
	for (const struct argument *argument = arguments; argument->name != NULL; argument++) {
		json_t *value = argument->also ? json_object_get(args, argument->also) : NULL;
		if (value == NULL)
			continue;
		if (json_object_get(args, argument->name) != NULL) {
			refuse(verdict, REFUSAL_BAD_REQUEST, "%s: it stands there as %s as well", argument->name, argument->also);
			return false;
		}
		if (json_object_set(args, argument->name, value) != 0)
			abort(); /* no memory: base/buf.h */
		json_object_del(args, argument->also);
	}
	return true;
}

/* Something that could be the name of an argument may be shown; anything else is only said to be there. */
static void refuse_unknown(const char *name, struct verdict *verdict)
{
	size_t len = strlen(name);
	bool harmless = len <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
	refuse(verdict, REFUSAL_BAD_REQUEST, "%s: there is no such argument", harmless && len > 0 ? name : "arguments");
}

static bool check_arguments(const struct argument *arguments, json_t *args, const struct rpc_world *world, struct verdict *verdict)
{
	const char *name;
	json_t *value;
	if (!settle_names(arguments, args, verdict))
		return false;
	json_object_foreach(args, name, value)
	{
		if (is_known(arguments, name))
			continue;
		refuse_unknown(name, verdict);
		return false;
	}
	for (const struct argument *argument = arguments; argument->name != NULL; argument++) {
		value = json_object_get(args, argument->name);
		if (value != NULL && !check_argument(argument, value, world, verdict))
			return false;
		if (value == NULL && argument->required) {
			refuse(verdict, REFUSAL_BAD_REQUEST, "%s: is missing", argument->name);
			return false;
		}
	}
	return true;
}

static const struct rpc_operation *find_operation(const char *name)
{
	const struct rpc_operation *operation;
	for (size_t i = 0; (operation = operation_at(i)) != NULL; i++)
		if (strcmp(operation->name, name) == 0)
			return operation;
	return NULL;
}

enum rpc_kind rpc_kind_of(const char *operation)
{
	const struct rpc_operation *found = find_operation(operation);
	return found != NULL ? found->kind : RPC_LOCAL;
}

/* Integers of more than 63 bits are no JSON for jansson. Read once more as something else, they can be named. */
static void refuse_unreadable(
	const struct rpc_operation *operation, const char *payload, size_t len, const struct error *err, struct verdict *verdict)
{
	bool overflow = err->native == (int)json_error_numeric_overflow;
	json_t *args = overflow ? json_loadb(payload, len, JSON_DECODE_INT_AS_REAL, NULL) : NULL;
	const char *name;
	json_t *value;
	refuse(verdict, REFUSAL_BAD_REQUEST, "arguments: %s", err->text);
	json_object_foreach(args, name, value)
	{
		double number = json_real_value(value);
		if (is_known(operation->arguments, name) && (number >= 0x1p63 || number <= -0x1p63))
			refuse(verdict, REFUSAL_BAD_REQUEST, "%s: the number is out of range", name);
	}
	json_decref(args);
}

static bool check_id(const char *id, struct verdict *verdict)
{
	size_t len = strlen(id);
	if (len <= COMMAND_ID_MAX && text_is_utf8(id, len) && !text_has_control(id, len))
		return true;
	refuse(verdict, REFUSAL_BAD_REQUEST, "id: at most %d bytes of UTF-8 without control characters", COMMAND_ID_MAX);
	return false;
}

struct rpc_request *rpc_parse(
	const struct rpc_world *world, const char *operation, const char *id, const char *payload, size_t payload_len, struct verdict *verdict)
{
	const struct rpc_operation *found = find_operation(operation);
	if (found == NULL)
		refuse(verdict, REFUSAL_BAD_REQUEST, "operation: there is no such operation");
	if (found == NULL || !check_id(id ? id : "", verdict))
		return NULL;
	struct error err = {0};
	json_t *args = json_read_object(payload_len > 0 ? payload : "{}", payload_len > 0 ? payload_len : 2, &err);
	if (args == NULL) {
		refuse_unreadable(found, payload, payload_len, &err, verdict);
		return NULL;
	}
	if (!check_arguments(found->arguments, args, world, verdict)) {
		json_decref(args);
		return NULL;
	}
	struct rpc_request *request = mem_zero(sizeof *request);
	request->operation = found;
	request->world_copy = *world;
	request->world = &request->world_copy;
	request->id = mem_text(id ? id : "");
	request->args = args;
	request->bytes_max = world->answer_bytes_max;
	return request;
}

void rpc_free(struct rpc_request *request)
{
	if (request == NULL)
		return;
	free(request->id);
	free(request->user_id);
	free(request->device);
	json_decref(request->args);
	buf_fini(&request->answer);
	icon_fini(&request->icon);
	store_free(request->kept);
	free(request);
}
