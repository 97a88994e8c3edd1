/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The AsyncAPI 3 document, seen from the server: it receives what clients publish and sends what they subscribe to. The topics of chats
 * stand in a table here, the operations come from table.c. Run by rpc_manual only; pure. */
#include <string.h>

#include "plugin/rpc/schema.h"

#define REFS "#/components/schemas/"

struct topic {
	const char *name;
	const char *address;
	const char *action; /* of the server: "receive", "send" */
	const char *type;   /* content type */
	const char *schema; /* of components; NULL: text or nothing */
	const char *help;
};

/* One line says it all. */
/* clang-format off */
static const struct topic topics[] = {
	{"chatSend", "hc/chat/{chatID}/send/{commandID}", "receive", "application/json", "Command",
		"A message to a chat. The topic may also end at /send, with the commandID inside or none."},
	{"chatText", "hc/chat/{chatID}/text/{commandID}", "receive", "text/plain", NULL,
		"The same, the payload being the body. The topic may also end at /text."},
	{"userSend", "hc/user/{userID}/send/{commandID}", "receive", "application/json", "Command",
		"A message to a person: makes the 1:1 chat if there is none. The topic may also end at /send."},
	{"userText", "hc/user/{userID}/text/{commandID}", "receive", "text/plain", NULL,
		"The same, the payload being the body. The topic may also end at /text."},
	{"edit", "hc/chat/{chatID}/edit/{messageID}", "receive", "text/plain", NULL, "Another text for a message of one's own: the payload."},
	{"delete", "hc/chat/{chatID}/delete/{messageID}", "receive", "text/plain", NULL, "Empty: deletes the message and what quotes it."},
	{"received", "hc/chat/{chatID}/received/{messageID}", "receive", "text/plain", NULL,
		"Empty: has received everything up to this number."},
	{"read", "hc/chat/{chatID}/read/{messageID}", "receive", "text/plain", NULL, "Empty: has read everything up to this number."},
	{"typing", "hc/chat/{chatID}/typing", "receive", "text/plain", NULL, "Empty: is typing; 0: no more."},
	{"inbox", "hc/me/inbox", "send", "application/jsonl", "Transaction",
		"Every transaction of all chats of the client, one a line, one or more lines a message: first what the device missed, then live."},
	{"text", "hc/me/text/{chatID}/{senderID}", "send", "text/plain", NULL, "The messages among them, the body alone, one a packet."},
	{"ack", "hc/me/ack/{commandID}", "send", "application/json", "Acknowledgement",
		"What became of a command, where no transaction tells. - stands for a command without an ID."},
	{"live", "hc/me/live", "send", "application/json", "Live", "Not stored: receipts, typing, presence, warnings; type says which."},
	{"events", "hc/chat/{chatID}/events", "send", "application/jsonl", "Transaction", "The transactions of one chat, for its members."},
	{"reply", "hc/me/reply/{id}", "send", "application/json", NULL, "Answers to operations, to the asking connection only."},
};
/* clang-format on */
enum { TOPIC_COUNT = sizeof topics / sizeof topics[0] };

/* The names between braces. */
static json_t *parameters_of(const char *address)
{
	json_t *parameters = json_object();
	for (const char *open = strchr(address, '{'); open != NULL; open = strchr(open + 1, '{'))
		json_object_setn_new(parameters, open + 1, strcspn(open + 1, "}"), json_object());
	return parameters;
}

static json_t *channel_of(const char *address, const char *help)
{
	json_t *channel = json_pack("{ss ss s{}}", "address", address, "description", help, "messages");
	json_t *parameters = parameters_of(address);
	if (json_object_size(parameters) > 0)
		json_object_set(channel, "parameters", parameters);
	json_decref(parameters);
	return channel;
}

static void add_topic(json_t *channels, json_t *operations, const struct topic *topic)
{
	json_t *channel = channel_of(topic->address, topic->help);
	json_t *message = json_pack("{ss}", "contentType", topic->type);
	if (topic->schema != NULL)
		json_object_set_new(message, "payload", json_pack("{ss+}", "$ref", REFS, topic->schema));
	json_object_set_new(json_object_get(channel, "messages"), topic->name, message);
	json_object_set_new(channels, topic->name, channel);
	if (strcmp(topic->name, "reply") != 0)
		json_object_set_new(operations, topic->name,
			json_pack("{ss s{ss+} ss}", "action", topic->action, "channel", "$ref", "#/channels/", topic->name, "summary", topic->help));
}

/* {"result": …} or {"error": …} */
static json_t *answer_schema(const struct rpc_operation *operation)
{
	json_t *result = json_pack(
		"{ss s{so} s[s]}", "type", "object", "properties", "result", schema_fields(operation->result, REFS), "required", "result");
	return json_pack("{s[o{ss}]}", "oneOf", result, "$ref", REFS "Error");
}

static void add_operation(json_t *channels, json_t *operations, const struct rpc_operation *operation)
{
	struct buf address = BUF_EMPTY;
	buf_printf(&address, "hc/rpc/%s/{id}", operation->name);
	json_t *channel = channel_of(address.data, operation->help);
	buf_fini(&address);
	json_object_set_new(json_object_get(channel, "messages"), "arguments",
		json_pack("{ss s{ss++}}", "contentType", "application/json", "payload", "$ref", "rpc/", operation->name, ".json"));
	json_object_set_new(channels, operation->name, channel);

	json_t *replies = json_object_get(json_object_get(channels, "reply"), "messages");
	json_object_set_new(
		replies, operation->name, json_pack("{ss so}", "contentType", "application/json", "payload", answer_schema(operation)));
	json_object_set_new(operations, operation->name,
		json_pack("{ss s{ss+} ss s{s{ss} s[{ss+}]}}", "action", "receive", "channel", "$ref", "#/channels/", operation->name, "summary",
			operation->help, "reply", "channel", "$ref", "#/channels/reply", "messages", "$ref", "#/channels/reply/messages/",
			operation->name));
}

static json_t *command_schema(void)
{
	json_t *integer = json_pack("{ss si}", "type", "integer", "minimum", 0), *text = json_pack("{ss}", "type", "string");
	return json_pack("{ss s{sO sO so sO sO so} s[s] sb}", "type", "object", "properties", "body", text, "contentType", text, "commandID",
		text, "repliedTo", integer, "clientTime", integer, "ifLatest", integer, "required", "body", "additionalProperties", 0);
}

static json_t *acknowledgement_schema(void)
{
	json_t *done = json_pack("{ss s{s{ss} s{ss} s{ss}} s[s]}", "type", "object", "properties", "chatID", "type", "string", "messageID",
		"type", "integer", "transactionID", "type", "integer", "required", "chatID");
	return json_pack("{s[o{ss}]}", "oneOf", done, "$ref", REFS "Error");
}

/* optional: the member that may be missing, NULL: none. Takes types and members. */
static json_t *live_line(json_t *types, json_t *members, const char *optional)
{
	const char *name;
	json_t *member, *required = json_pack("[s]", "type");
	json_object_foreach(members, name, member)
		if (optional == NULL || strcmp(name, optional) != 0)
			json_array_append_new(required, json_string(name));
	json_object_set_new(members, "type", json_pack("{so}", "enum", types));
	return json_pack("{ss so so}", "type", "object", "properties", members, "required", required);
}

static json_t *live_schema(void)
{
	json_t *number = json_pack("{ss si}", "type", "integer", "minimum", 0), *text = json_pack("{ss}", "type", "string");
	json_t *flag = json_pack("{ss}", "type", "boolean");
	json_t *receipt = json_pack("{sO sO sO sO}", "chatID", text, "userID", text, "received", number, "read", number);
	json_t *typing = json_pack("{sO sO sO}", "chatID", text, "senderID", text, "typing", flag);
	json_t *presence = json_pack("{sO sO sO}", "userID", text, "online", flag, "lastSeen", number);
	json_t *token = json_pack("{sO}", "at", number);
	json_decref(number);
	json_decref(text);
	json_decref(flag);
	return json_pack("{s[oooo]}", "oneOf", live_line(json_pack("[s]", "receipt"), receipt, NULL),
		live_line(json_pack("[s]", "typing"), typing, NULL), live_line(json_pack("[s]", "presence"), presence, "lastSeen"),
		live_line(json_pack("[ss]", "tokenExpires", "tokenExpired"), token, NULL));
}

static json_t *components(void)
{
	json_t *schemas = json_object();
	const struct shape *shape;
	for (size_t i = 0; (shape = shape_at(i)) != NULL; i++)
		json_object_set_new(schemas, shape->name, schema_shape(shape, REFS));
	json_object_set_new(schemas, "Command", command_schema());
	json_object_set_new(schemas, "Acknowledgement", acknowledgement_schema());
	json_object_set_new(schemas, "Live", live_schema());
	json_object_set_new(schemas, "Error", schema_error());
	return json_pack("{so}", "schemas", schemas);
}

void rpc_print_asyncapi(struct buf *out)
{
	json_t *channels = json_object(), *operations = json_object();
	for (size_t i = 0; i < TOPIC_COUNT; i++)
		add_topic(channels, operations, &topics[i]);
	const struct rpc_operation *operation;
	for (size_t i = 0; (operation = operation_at(i)) != NULL; i++)
		add_operation(channels, operations, operation);
	schema_print(json_pack("{ss s{ss ss ss} ss so so so}", "asyncapi", "3.0.0", "info", "title", "HyperChat", "version", HC_VERSION,
					 "description", "Made by rpc_manual from plugin/rpc/table.c. docs/protocol.md explains it.", "defaultContentType",
					 "application/json", "channels", channels, "operations", operations, "components", components()),
		out);
}
