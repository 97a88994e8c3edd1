/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl chat-key: what decrypts the texts of a chat that left with kafka_body encrypted. One thread, blocks. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "plugin/ctl/audit.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/source.h"

enum { KEY_TEXT = (CHAT_KEY_BYTES * 4 + 2) / 3 };

static void print_key(const char *chat_id, const unsigned char key[CHAT_KEY_BYTES])
{
	char text[KEY_TEXT + 1];
	struct buf jwk = BUF_EMPTY;
	base64url_encode(key, CHAT_KEY_BYTES, text);
	buf_add_text(&jwk, "{\"kty\":\"oct\",\"use\":\"enc\",\"kid\":");
	json_add_string(&jwk, chat_id, strlen(chat_id));
	buf_printf(&jwk, ",\"k\":\"%s\"}", text);
	puts(jwk.data);
	OPENSSL_cleanse(text, sizeof text);
	OPENSSL_cleanse(jwk.data, jwk.size);
	buf_fini(&jwk);
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *chat_id = NULL;
	const struct ctl_option options[] = {{"store", &uri, 1}, {"chat", &chat_id, 1}, {NULL, NULL, 0}};
	unsigned char key[CHAT_KEY_BYTES];
	struct store *store;
	struct error err;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = source_open_in_use(command, uri, &store);
	if (rc != CTL_OK)
		return rc;
	enum store_rc found = store_ops(store)->load_chat_key(store, chat_id, false, key, &err);
	if (found == STORE_OK)
		rc = audit_note(command, store, chat_id, "", "ok"); /* nobody gets it without that */
	if (found == STORE_OK && rc == CTL_OK)
		print_key(chat_id, key);
	else if (found != STORE_OK)
		rc = ctl_failed(command, "%s", found == STORE_NOT_FOUND ? "there is no key: no text of that chat was encrypted yet, or the chat is erased" : err.text);
	OPENSSL_cleanse(key, sizeof key);
	source_close(store);
	return rc;
}

const struct ctl_command ctl_chat_key = {
	.name = "chat-key",
	.summary = "print the key of a chat's texts on Kafka",
	.usage = "Usage: hyperchatctl chat-key --store URI --chat CHATID\n\n"
			 "Prints the key under which the texts of a chat are on Kafka with plugin_opt_kafka_body encrypted, as a JWK: whoever\n"
			 "has it reads all of them, also after the chat is erased here, for as long as he and Kafka keep what they have. So\n"
			 "give it to nobody but the consumer that needs it, not by a file or log that stays, and let the consumer forget it\n"
			 "when the chat is deleted.\n\n"
			 "  --store URI     as plugin_opt_store; the broker may be running\n"
			 "  --chat CHATID   the record's key\n",
	.run = run,
};
