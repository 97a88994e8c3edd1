/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Commands, and the IDs that follow from them. Loop thread. */
#include "plugin/chat/command.h"

#include <stdlib.h>
#include <string.h>

struct command *command_new(enum command_type type, const char *sender_id)
{
	struct command *command = mem_zero(sizeof *command);
	command->type = type;
	command->sender_id = mem_text(sender_id);
	return command;
}

void command_free(struct command *command)
{
	if (command == NULL)
		return;
	free(command->chat_id);
	free(command->sender_id);
	free(command->peer_id);
	free(command->key);
	free(command->body);
	free(command->content_type);
	transaction_free(command->quoted);
	free(command);
}

void command_hash(struct command *command)
{
	const char *content_type = command->content_type ? command->content_type : "";
	unsigned char digest[SHA256_BYTES], replied_to[8]; /* big endian: the hash is stored, and compared by other machines */
	for (size_t i = 0; i < sizeof replied_to; i++)
		replied_to[i] = (unsigned char)(command->replied_to >> (56 - 8 * i));
	sha256((struct bytes[]){{&(uint8_t){(uint8_t)command->type}, 1},
	                        {replied_to, sizeof replied_to},
	                        {content_type, strlen(content_type) + 1},
	                        {command->body, command->body_len}},
	       4, digest);
	memcpy(command->key_hash, digest, sizeof command->key_hash);
}

void peer_chat_id(const unsigned char *secret, size_t secret_len, const char *user_a, const char *user_b, char chat_id[ID_TEXT_LEN + 1])
{
	bool swap = strcmp(user_a, user_b) > 0;
	const char *first = swap ? user_b : user_a, *second = swap ? user_a : user_b;
	unsigned char digest[SHA256_BYTES];
	hmac_sha256(secret, secret_len, (struct bytes[]){{first, strlen(first) + 1}, {second, strlen(second) + 1}}, 2, digest);
	base64url_encode(digest, ID_BYTES, chat_id);
}
