/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A publish as a command. Pure; any thread. */
#include "plugin/broker/parse.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

static bool check_body(const struct parse_conf *conf, size_t len, struct verdict *verdict)
{
	if (len <= conf->body_max)
		return true;
	refuse(verdict, REFUSAL_TOO_LARGE, "body: %zu bytes, at most %llu are taken", len, (unsigned long long)conf->body_max);
	return false;
}

static bool read_number(const json_t *value, const char *name, int64_t min, int64_t *number, struct verdict *verdict)
{
	if (json_is_integer(value) && json_integer_value(value) >= min) {
		*number = json_integer_value(value);
		return true;
	}
	refuse(verdict, REFUSAL_BAD_REQUEST, "%s: a whole number from %lld on is expected", name, (long long)min);
	return false;
}

static bool set_command_id(struct command *command, const char *text, size_t len, struct verdict *verdict)
{
	if (!command_id_is_valid(text, len)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "commandID: 1 to %d bytes without '/', '+', '#' and control characters", COMMAND_ID_MAX);
		return false;
	}
	if (command->key != NULL && strcmp(command->key, text) != 0) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "commandID: the topic has another one");
		return false;
	}
	if (command->key == NULL)
		command->key = mem_copy(text, len);
	return true;
}

static bool read_member(struct command *command, const struct parse_conf *conf, const char *name, const json_t *value,
	struct verdict *verdict)
{
	int64_t number;
	bool text = json_is_string(value);
	const char *string = text ? json_string_value(value) : NULL;
	size_t len = text ? json_string_length(value) : 0;
	if (strcmp(name, "body") == 0 && text) {
		command->body = mem_copy(string, len);
		command->body_len = (uint32_t)len;
		return check_body(conf, len, verdict);
	}
	if (strcmp(name, "commandID") == 0 && text)
		return set_command_id(command, string, len, verdict);
	if (strcmp(name, "contentType") == 0 && text && len >= 1 && len <= CONTENT_TYPE_MAX && !text_has_control(string, len)) {
		command->content_type = mem_copy(string, len);
		return true;
	}
	if (strcmp(name, "repliedTo") == 0) {
		if (!read_number(value, name, 1, &number, verdict))
			return false;
		command->replied_to = (uint64_t)number;
		return true;
	}
	if (strcmp(name, "clientTime") == 0)
		return read_number(value, name, 1, &command->client_time_ms, verdict);
	if (strcmp(name, "ifLatest") == 0) {
		if (!read_number(value, name, 0, &number, verdict))
			return false;
		command->has_if_latest = true;
		command->if_latest = (uint64_t)number;
		return true;
	}
	static const char *const TEXTS[] = {"body", "commandID", "contentType"};
	for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
		if (strcmp(name, TEXTS[i]) == 0) {
			refuse(verdict, REFUSAL_BAD_REQUEST, "%s: a text within its length is expected", name);
			return false;
		}
	refuse(verdict, REFUSAL_BAD_REQUEST, "%.*s: there is no such member, only body, commandID, contentType, repliedTo, clientTime, ifLatest",
		(int)text_cut(name, strlen(name), 32), name);
	return false;
}

static bool read_json(struct command *command, const struct parse_conf *conf, const char *payload, size_t len, struct verdict *verdict)
{
	struct error err;
	json_t *object = json_read_object(payload, len, &err);
	if (object == NULL) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "payload: %s", err.text);
		return false;
	}
	bool ok = true;
	const char *name;
	json_t *value;
	json_object_foreach(object, name, value) {
		ok = read_member(command, conf, name, value, verdict);
		if (!ok)
			break;
	}
	if (ok && command->body == NULL) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "body: it is missing");
		ok = false;
	}
	json_decref(object);
	return ok;
}

static bool read_text(struct command *command, const struct parse_conf *conf, const char *payload, size_t len, struct verdict *verdict)
{
	if (!check_body(conf, len, verdict))
		return false;
	if (!text_is_utf8(payload, len)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "body: it is not valid UTF-8 without U+0000");
		return false;
	}
	command->body = mem_copy(payload, len);
	command->body_len = (uint32_t)len;
	return true;
}

static bool address(struct command *command, const struct parse_conf *conf, const struct topic *topic, struct verdict *verdict)
{
	if (topic->user_id[0] == '\0') {
		command->chat_id = mem_text(topic->chat_id);
		return true;
	}
	if (strcmp(topic->user_id, command->sender_id) == 0) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "userID: that is you");
		return false;
	}
	char chat_id[ID_TEXT_LEN + 1];
	peer_chat_id(conf->secret, conf->secret_len, command->sender_id, topic->user_id, chat_id);
	command->chat_id = mem_text(chat_id);
	command->peer_id = mem_text(topic->user_id);
	return true;
}

static bool read_nothing(size_t payload_len, struct verdict *verdict)
{
	if (payload_len > 0)
		refuse(verdict, REFUSAL_BAD_REQUEST, "payload: it must be empty");
	return payload_len == 0;
}

struct command *parse_topic(const struct parse_conf *conf, const struct topic *topic, const char *sender_id, struct verdict *verdict)
{
	enum command_type type = topic->kind == TOPIC_EDIT ? COMMAND_EDIT : topic->kind == TOPIC_DELETE ? COMMAND_DELETE : COMMAND_SEND;
	struct command *command = command_new(type, sender_id);
	if (topic->command_id[0] != '\0')
		command->key = mem_text(topic->command_id);
	if (type != COMMAND_SEND)
		command->target = topic->number;
	command->keep_quotes = type == COMMAND_DELETE && conf->keep_quotes;
	if (address(command, conf, topic, verdict))
		return command;
	command_free(command);
	return NULL;
}

bool parse_payload(struct command *command, const struct parse_conf *conf, const struct topic *topic, const char *payload, size_t payload_len,
	struct verdict *verdict)
{
	return topic->kind == TOPIC_DELETE ? read_nothing(payload_len, verdict)
	       : topic->kind == TOPIC_SEND ? read_json(command, conf, payload, payload_len, verdict)
	                                   : read_text(command, conf, payload, payload_len, verdict);
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
		at++;
	return at;
}

/* In an object as it has to be, these bytes with a colon behind them are a name and nothing else: quotes within texts are escaped. */
bool parse_command_id(const char *payload, size_t payload_len, char id[COMMAND_ID_MAX + 1])
{
	static const char NAME[] = "\"commandID\"";
	const char *end = payload + payload_len, *at = payload_len > 0 ? memmem(payload, payload_len, NAME, sizeof NAME - 1) : NULL;
	for (; at != NULL; at = memmem(at, (size_t)(end - at), NAME, sizeof NAME - 1)) {
		at = skip_space(at + sizeof NAME - 1, end);
		if (at == end || *at != ':')
			continue;
		at = skip_space(at + 1, end);
		const char *close = at != end && *at == '"' ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;
		size_t len = close != NULL ? (size_t)(close - at - 1) : 0;
		if (len == 0 || memchr(at + 1, '\\', len) != NULL || !command_id_is_valid(at + 1, len))
			return false;
		memcpy(id, at + 1, len);
		id[len] = '\0';
		return true;
	}
	return false;
}
