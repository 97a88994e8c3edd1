/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Sessions by client certificate. Broker thread. */
#include "plugin/broker/certificate.h"

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "plugin/broker/account.h"
#include "plugin/broker/client.h"
#include "plugin/broker/control.h"
#include "plugin/broker/doorman.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/server.h"

enum { NAME_MAX_BYTES = 1024 };

/* ---- what a certificate says ---- */

static bool common_name(const X509_NAME *subject, struct buf *out)
{
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at < 0)
		return false;
	const ASN1_STRING *name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	buf_add(out, ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));
	return true;
}

/* As src/handle_connect.c of Mosquitto writes it. */
static bool whole_subject(const X509_NAME *subject, struct buf *out)
{
	char *text;
	BIO *bio = BIO_new(BIO_s_mem());
	bool printed = bio != NULL && X509_NAME_print_ex(bio, subject, 0, XN_FLAG_RFC2253) >= 0;
	long len = printed ? BIO_get_mem_data(bio, &text) : 0;
	if (len > 0)
		buf_add(out, text, (size_t)len);
	BIO_free(bio);
	return len > 0;
}

/* Whether the host's username is what the certificate itself says. */
static bool name_is_of(const X509 *certificate, bool by_subject, const char *username)
{
	struct buf name = BUF_EMPTY;
	const X509_NAME *subject = X509_get_subject_name(certificate);
	bool is = (by_subject ? whole_subject(subject, &name) : common_name(subject, &name)) && name.len == strlen(username) &&
	          name.len <= NAME_MAX_BYTES && memcmp(name.data, username, name.len) == 0;
	buf_fini(&name);
	return is;
}

static bool time_read(const ASN1_TIME *time, int64_t *ms)
{
	struct tm tm;
	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*ms = (int64_t)timegm(&tm) * 1000;
	return true;
}

/* Whose it is, and whether it is for this client ID. */
static bool user_read(enum conf_certificates how, const char *name, const char *client_id, char user_id[AUTH_USER_ID_MAX + 1], const char **why)
{
	const char *slash = how == CONF_CERTIFICATES_DEVICE ? strrchr(name, '/') : NULL;
	size_t len = slash ? (size_t)(slash - name) : strlen(name);
	*why = "its name is no user ID";
	if (how == CONF_CERTIFICATES_DEVICE && slash == NULL)
		*why = "its name is not <user>/<device>";
	if ((how == CONF_CERTIFICATES_DEVICE && slash == NULL) || !user_id_encode("", name, len, user_id, NULL))
		return false;
	size_t user_len = strlen(user_id);
	*why = "it is for another client ID";
	return slash == NULL || (strncmp(client_id, user_id, user_len) == 0 && strcmp(client_id + user_len, slash) == 0);
}

/* ---- sessions ---- */

static const struct hostconf_port *listener_of(const struct server *server, const struct mosquitto *client)
{
	const struct hostconf_port *port = hostconf_port(&server->host, client_port(client));
	bool certain = port != NULL && server->host.read && !server->host.unread.met && !port->plain && !port->by_token;
	return certain && port->by_identity != port->by_subject ? port : NULL;
}

struct turned_away {
	enum login_refusal reason;
	const char *why;
};

static struct session *begin(struct server *server, struct mosquitto *client, const X509 *certificate, const char *name, struct turned_away *refusal)
{
	const char **why = &refusal->why;
	char user_id[AUTH_USER_ID_MAX + 1];
	int64_t from_ms, until_ms;
	const char *client_id = mosquitto_client_id(client);
	*why = "its times cannot be read, or are over";
	if (!time_read(X509_get0_notBefore(certificate), &from_ms) || !time_read(X509_get0_notAfter(certificate), &until_ms) ||
		until_ms <= server->wall_ms)
		return NULL;
	if (client_id == NULL || !user_read(server->conf.certificates, name, client_id, user_id, why) ||
		account_refuses(server, user_id, from_ms, why))
		return NULL;
	if (server->draining && !control_names(server, user_id)) {
		*refusal = (struct turned_away){LOGIN_DRAINING, "the broker is being drained"};
		return NULL;
	}
	bool for_device = server->conf.certificates == CONF_CERTIFICATES_DEVICE;
	if (revocations_refuse(server->revocations, user_id, for_device ? strrchr(name, '/') + 1 : NULL, from_ms, why))
		return NULL;
	struct session *session = session_begin(server, client, user_id, server->now_ms + (until_ms - server->wall_ms), why);
	if (session != NULL) {
		server->counters.logins++;
		session->for_device = for_device;
		session->issued_at_ms = from_ms;
		session->is_operator = control_names(server, user_id);
	}
	return session;
}

static void say_refused(struct server *server, const struct mosquitto *client, const char *name, const struct turned_away *refusal)
{
	char address[CLIENT_ADDRESS_SIZE], shown[PRINTABLE_SIZE];
	if (server->certificate_refused == client)
		return;
	server->certificate_refused = client;
	server->counters.logins_refused[refusal->reason]++;
	client_address(client, address);
	doorman_says(server, "certificate of %s from %s refused: %s", printable(shown, name), address, refusal->why);
}

struct session *certificate_session(struct server *server, struct mosquitto *client)
{
	if (server->conf.certificates == CONF_CERTIFICATES_REFUSE || server->core == NULL || client == NULL || client == server->leaving)
		return NULL;
	const struct hostconf_port *port = listener_of(server, client);
	const char *name = port != NULL ? mosquitto_client_username(client) : NULL;
	X509 *certificate = name != NULL ? mosquitto_client_certificate(client) : NULL;
	if (certificate == NULL)
		return NULL;
	struct turned_away refusal = {LOGIN_CERTIFICATE, "its name is not the username"};
	struct session *session = name_is_of(certificate, port->by_subject, name) ? begin(server, client, certificate, name, &refusal) : NULL;
	X509_free(certificate);
	if (session == NULL)
		say_refused(server, client, name, &refusal);
	return session;
}

void certificate_leaves(struct server *server, const struct mosquitto *client)
{
	server->leaving = client;
	if (server->certificate_refused == client)
		server->certificate_refused = NULL;
}
