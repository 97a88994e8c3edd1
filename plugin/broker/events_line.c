/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Lines of events. Broker thread. They are compared by content: a pointer may be of another line by now. */
#include "plugin/broker/events_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

static bool is_the_last(const struct events_line *line, const void *payload, size_t len)
{
	return line->payload != NULL && line->len == len && memcmp(line->payload, payload, len) == 0;
}

static void take(struct events_line *line, const json_t *object)
{
	const char *type = json_string_value(json_object_get(object, "type")), *sender_id = json_string_value(json_object_get(object, "senderID"));
	line->number = (uint64_t)json_integer_value(json_object_get(object, "transactionID"));
	line->known = type != NULL && (sender_id == NULL || strlen(sender_id) <= USER_ID_MAX);
	if (!line->known || sender_id == NULL)
		return;
	strcpy(line->sender_id, sender_id);
	line->tx.type = strcmp(type, "edit") == 0 ? TX_EDIT : strcmp(type, "message") == 0 ? TX_MESSAGE : TX_DELETE;
	line->tx.sender_id = line->sender_id;
	line->tx.at_ms = json_integer_value(json_object_get(object, "at"));
	line->quotes = json_object_get(json_object_get(object, "repliedTo"), "body") != NULL;
}

void events_line_read(struct events_line *line, const void *payload, size_t len)
{
	if (is_the_last(line, payload, len))
		return;
	events_line_fini(line);
	json_t *object = json_read_object(payload, len, NULL);
	take(line, object);
	json_decref(object);
	line->payload = mem_copy(payload, len);
	line->len = len;
}

void events_line_fini(struct events_line *line)
{
	free(line->payload);
	*line = (struct events_line){0};
}
