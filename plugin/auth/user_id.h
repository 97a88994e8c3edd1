/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_USER_ID_H
#define HC_AUTH_USER_ID_H
/* Who a connection belongs to, as names: user IDs, MQTT usernames, client IDs. Any thread, no allocation. */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum {
	AUTH_USER_ID_MAX = 128, /* bytes, encoded and with the prefix */
	AUTH_DEVICE_MAX = 64,   /* bytes of a device's name */
};

/* user_id gets the prefix, then the claim with %, /, +, # and control characters (U+0000-1F, U+007F-9F) as %XX of each byte, upper case.
 * The prefix is the operator's and taken as it is: it has passed user_id_is_valid. "" for none.
 * false: empty, no UTF-8, a Unicode noncharacter (brokers refuse topics with one), or more than AUTH_USER_ID_MAX bytes. */
bool user_id_encode(const char *prefix, const char *claim, size_t claim_len, char user_id[AUTH_USER_ID_MAX + 1], struct error *err);

/* Whether text is spelt as user_id_encode spells: the only spelling under which a user is known. */
bool user_id_is_valid(const char *text, size_t len);

/* The claim that is encoded so, without a prefix: at most as long. false: it is not spelt as user_id_encode spells. */
bool user_id_decode(const char *user_id, char claim[AUTH_USER_ID_MAX + 1]);

/* The MQTT username may be missing, empty, the user ID, or "jwt". */
bool username_fits(const char *username, const char *user_id);

/* What a client ID makes of a connection:
 *   "<userID>"           a device with the name ""
 *   "<userID>/<device>"  a device. Its name: 1 to 64 bytes of UTF-8 without /, +, # and control characters
 *   no "/" in it         ephemeral: no cursor. Also one that happens to be somebody else's user ID: whose device that is, is decided
 *                        where both are connected
 *   anything else        refused: somebody else's device, or no name for one */
enum client_kind { CLIENT_DEVICE, CLIENT_EPHEMERAL, CLIENT_REFUSED };

/* CLIENT_DEVICE: *device points into client_id. CLIENT_REFUSED: err says why. */
enum client_kind client_id_read(const char *client_id, const char *user_id, const char **device, struct error *err);

#endif
