/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A publish as a client sends it: a topic, a newline, the payload. What is taken as a command is within every limit, and shown as one line of
 * JSON that can be read; what is refused says why. The topic is read as a filter as well: what is granted cannot cover anything but the
 * reader's own topics and one chat's events. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "plugin/broker/parse.h"
#include "plugin/chat/line.h"
#include "tests/fuzz/fuzz.h"

enum { BODY_MAX = 200 };

static void check_line(const struct command *command)
{
	struct transaction tx = {.chat_id = command->chat_id, .number = 7, .type = TX_MESSAGE, .sender_id = command->sender_id, .key = command->key,
		.target = command->replied_to, .content_type = command->content_type, .client_time_ms = command->client_time_ms};
	struct buf line = BUF_EMPTY;
	sealed_set(&tx.body, command->body, command->body_len);
	for (size_t max = 0; max < 600; max += 37) {
		buf_clear(&line);
		if (!line_add_within(&line, &tx, max))
			continue;
		FUZZ_CHECK(line.len <= max && memchr(line.data, '\n', line.len) == NULL);
		json_t *json = json_read_object(line.data, line.len, NULL);
		FUZZ_CHECK(json != NULL);
		json_decref(json);
	}
	buf_clear(&line);
	line_add_text(&line, &tx);
	FUZZ_CHECK(line.len == 0 || memchr(line.data, '\n', line.len) == NULL);
	buf_fini(&line);
}

static void check_command(const struct topic *topic, const char *payload, size_t len)
{
	const struct parse_conf conf = {(const unsigned char *)"secret", 6, BODY_MAX, false};
	struct verdict verdict = {0};
	char id[COMMAND_ID_MAX + 1];
	struct command *command = parse_topic(&conf, topic, "alice", &verdict);
	bool found = parse_command_id(payload, len, id);
	FUZZ_CHECK(!found || command_id_is_valid(id, strlen(id)));
	if (command == NULL || !parse_payload(command, &conf, topic, payload, len, &verdict)) {
		command_free(command);
		FUZZ_CHECK(verdict.code != REFUSAL_NONE && verdict.message[0] != '\0' && text_is_utf8(verdict.message, strlen(verdict.message)));
		return;
	}
	FUZZ_CHECK(!found || topic->kind != TOPIC_SEND || (command->key != NULL && strcmp(id, command->key) == 0));
	bool changes = topic->kind == TOPIC_EDIT || topic->kind == TOPIC_DELETE;
	FUZZ_CHECK((command->body == NULL) == (topic->kind == TOPIC_DELETE));
	FUZZ_CHECK(command->body_len <= BODY_MAX && text_is_utf8(command->body, command->body_len));
	FUZZ_CHECK(changes ? command->target > 0 && command->target <= INT64_MAX && command->replied_to == 0 : command->target == 0);
	FUZZ_CHECK(strlen(command->chat_id) <= CHAT_ID_MAX && (command->key == NULL || command_id_is_valid(command->key, strlen(command->key))));
	FUZZ_CHECK(command->content_type == NULL || strlen(command->content_type) <= CONTENT_TYPE_MAX);
	if (command->body != NULL)
		check_line(command);
	command_free(command);
}

static void check_filter(const char *filter)
{
	const char *rest = NULL;
	char chat_id[CHAT_ID_MAX + 1];
	switch (filter_read("hc", filter, &rest, chat_id)) {
	case FILTER_ME:
		FUZZ_CHECK(strncmp(filter, "hc/me/", 6) == 0 && rest == filter + 6);
		break;
	case FILTER_EVENTS:
		FUZZ_CHECK(strncmp(filter, "hc/chat/", 8) == 0 && strpbrk(filter, "+#") == NULL);
		break;
	case FILTER_OUTSIDE:
		FUZZ_CHECK(strcspn(filter, "/") != 1 || filter[0] != '#'); /* "+x" is no filter: the broker refuses it before */
		FUZZ_CHECK(strncmp(filter, "+/", 2) != 0 || (filter[2] != '#' && strchr(filter + 2, '/') == NULL));
		FUZZ_CHECK(strncmp(filter, "hc/", 3) != 0 && strcmp(filter, TOPIC_SINK) != 0);
		break;
	case FILTER_REFUSED:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *newline = memchr(data, '\n', size);
	size_t topic_len = newline ? (size_t)(newline - (const char *)data) : size;
	char *name = mem_copy(data, topic_len);
	struct topic topic;
	topic_read("hc", name, &topic);
	FUZZ_CHECK(topic.kind != TOPIC_UNKNOWN || topic.chat_id[CHAT_ID_MAX] == '\0');
	bool is_command = topic.kind == TOPIC_SEND || topic.kind == TOPIC_TEXT || topic.kind == TOPIC_EDIT || topic.kind == TOPIC_DELETE;
	if (newline != NULL && is_command)
		check_command(&topic, newline + 1, size - topic_len - 1);
	check_filter(name);
	free(name);
	return 0;
}
