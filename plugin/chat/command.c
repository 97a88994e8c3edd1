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
	for (size_t i = 0; i < command->user_count; i++)
		free(command->user_ids[i]);
	free(command->user_ids);
	command_forget(command);
	free(command);
}

void command_add_user(struct command *command, const char *user_id)
{
	command->user_ids = mem_grow(command->user_ids, (command->user_count + 1) * sizeof *command->user_ids);
	command->user_ids[command->user_count++] = mem_text(user_id);
}

uint64_t command_message(const struct command *command)
{
	return command->target != 0 ? command->target : command->replied_to;
}

void command_forget(struct command *command)
{
	message_state_free(&command->found);
	command->message = MESSAGE_UNKNOWN;
	command->reach = REACH_UNKNOWN;
	command->key_unused = false;
}

/* Big endian: the hash is stored, and compared by other machines. */
static void put_number(unsigned char to[8], uint64_t number)
{
	for (size_t i = 0; i < 8; i++)
		to[i] = (unsigned char)(number >> (56 - 8 * i));
}

/* What messages do not have. It adds no byte to the hash of theirs, which stores keep from before there was anything else. */
static void add_details(struct buf *out, const struct command *command)
{
	if (command->type <= COMMAND_CREATE)
		return;
	unsigned char target[8];
	put_number(target, command->target);
	buf_add(out, target, sizeof target);
	buf_add_char(out, command->keep_quotes);
	buf_add_char(out, (char)command->role);
	for (size_t i = 0; i < command->user_count; i++)
		buf_add(out, command->user_ids[i], strlen(command->user_ids[i]) + 1);
	buf_add_char(out, 0);
}

void command_hash(struct command *command)
{
	const char *content_type = command->content_type ? command->content_type : "";
	unsigned char digest[SHA256_BYTES], replied_to[8];
	struct buf details = BUF_EMPTY;
	put_number(replied_to, command->replied_to);
	add_details(&details, command);
	sha256((struct bytes[]){{&(uint8_t){(uint8_t)command->type}, 1},
	                        {replied_to, sizeof replied_to},
	                        {content_type, strlen(content_type) + 1},
	                        {details.data, details.len},
	                        {command->body, command->body_len}},
	       5, digest);
	memcpy(command->key_hash, digest, sizeof command->key_hash);
	buf_fini(&details);
}

void peer_chat_id(const unsigned char *secret, size_t secret_len, const char *user_a, const char *user_b, char chat_id[ID_TEXT_LEN + 1])
{
	bool swap = strcmp(user_a, user_b) > 0;
	const char *first = swap ? user_b : user_a, *second = swap ? user_a : user_b;
	unsigned char digest[SHA256_BYTES];
	hmac_sha256(secret, secret_len, (struct bytes[]){{first, strlen(first) + 1}, {second, strlen(second) + 1}}, 2, digest);
	base64url_encode(digest, ID_BYTES, chat_id);
}
