/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A call: the operation's name, a newline, the arguments. What is taken has an object of arguments and, if it changes a chat, makes a command within
 * every limit; what is refused says why, in UTF-8. */
#include <string.h>

#include "base/text.h"
#include "plugin/rpc/rpc.h"
#include "tests/fuzz/fuzz.h"

static void check_refused(const struct verdict *verdict)
{
	FUZZ_CHECK(verdict->code != REFUSAL_NONE && verdict->message[0] != '\0' && text_is_utf8(verdict->message, strlen(verdict->message)));
}

static void check_command(struct rpc_request *request)
{
	struct verdict verdict = {0};
	struct command *command = rpc_command(request, &verdict);
	if (command == NULL) {
		check_refused(&verdict);
		return;
	}
	FUZZ_CHECK(command->chat_id == NULL || strlen(command->chat_id) <= CHAT_ID_MAX);
	FUZZ_CHECK(command->body == NULL || text_is_utf8(command->body, command->body_len));
	FUZZ_CHECK(strcmp(command->sender_id, "alice") == 0);
	command_free(command);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rpc_world world = {.info = {.epoch = "e", .writer = "w"},
		.prefix = "hc",
		.writer = "w",
		.body_max = 200,
		.page_max = 100,
		.answer_bytes_max = 65536,
		.invitation_url = "https://chat.example/i/"};
	struct verdict verdict = {0};
	const char *newline = memchr(data, '\n', size);
	size_t name_len = newline ? (size_t)(newline - (const char *)data) : size;
	char *name = mem_copy(data, name_len);
	struct rpc_request *request = rpc_parse(&world, name, "i1", newline ? newline + 1 : "", newline ? size - name_len - 1 : 0, &verdict);
	free(name);
	if (request == NULL) {
		check_refused(&verdict);
		return 0;
	}
	FUZZ_CHECK(json_is_object(request->args) && request->bytes_max <= world.answer_bytes_max);
	request->user_id = mem_text("alice");
	request->at_ms = INT64_C(1790000000000);
	if (rpc_kind(request) == RPC_COMMAND)
		check_command(request);
	rpc_free(request);
	return 0;
}
