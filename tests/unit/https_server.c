/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A web server for tests, by OpenSSL alone. */
#include "tests/unit/https_server.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/buf.h"

enum { ANSWERS_MAX = 16, REQUEST_MAX = 4096, DAY_S = 24 * 60 * 60 };

struct answer {
	char *path, *text; /* text NULL: none, ever */
};

struct https_server {
	SSL_CTX *tls;
	int socket;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;
	struct answer answers[ANSWERS_MAX];
	size_t answer_count;
	atomic_bool stopping;
	atomic_uint requests;
	char authority[64], url[256];
};

/* ---- certificates ---- */

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

/* issuer NULL: signs itself, and may sign others. */
static X509 *make_certificate(EVP_PKEY *key, const char *subject, X509 *issuer, EVP_PKEY *issuer_key, const char *name)
{
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_S);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
	if (issuer == NULL)
		add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
	else
		add_extension(certificate, issuer, NID_subject_alt_name, name);
	assert_true(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
	return certificate;
}

static void write_certificate(const char *file, X509 *certificate)
{
	FILE *out = fopen(file, "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_X509(out, certificate), 1);
	fclose(out);
}

static void make_identity(struct https_server *server, const char *name)
{
	EVP_PKEY *authority_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *authority = make_certificate(authority_key, "authority", NULL, authority_key, NULL);
	X509 *certificate = make_certificate(key, "server", authority, authority_key, name);
	snprintf(server->authority, sizeof server->authority, "/tmp/hc-authority-XXXXXX");
	int fd = mkstemp(server->authority);
	assert_true(fd >= 0);
	close(fd);
	write_certificate(server->authority, authority);
	server->tls = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(server->tls, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(server->tls, key), 1);
	X509_free(certificate);
	X509_free(authority);
	EVP_PKEY_free(key);
	EVP_PKEY_free(authority_key);
}

/* ---- answering ---- */

/* The answer to a path, with @ filled in; NULL: none, ever. The caller frees. */
static char *answer_of(struct https_server *server, const char *path)
{
	const char *text = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	struct buf out = BUF_EMPTY;
	pthread_mutex_lock(&server->lock);
	for (size_t i = 0; i < server->answer_count; i++)
		if (strcmp(server->answers[i].path, path) == 0)
			text = server->answers[i].text;
	for (; text != NULL && *text != '\0'; text++)
		if (*text == '@')
			buf_printf(&out, "https://127.0.0.1:%u", server->port);
		else
			buf_add_char(&out, *text);
	pthread_mutex_unlock(&server->lock);
	if (text != NULL)
		buf_add_text(&out, "");
	return out.data;
}

static void wait_for_the_end(const struct https_server *server)
{
	while (!atomic_load(&server->stopping))
		usleep(10000);
}

static void answer(struct https_server *server, SSL *tls)
{
	char request[REQUEST_MAX] = "", path[REQUEST_MAX];
	size_t len = 0;
	while (strstr(request, "\r\n\r\n") == NULL && len < sizeof request - 1) {
		int got = SSL_read(tls, request + len, (int)(sizeof request - 1 - len));
		if (got <= 0)
			return;
		len += (size_t)got;
		request[len] = '\0';
	}
	atomic_fetch_add(&server->requests, 1);
	if (sscanf(request, "GET %4000s", path) != 1)
		return;
	char *text = answer_of(server, path);
	if (text == NULL)
		wait_for_the_end(server);
	else
		SSL_write(tls, text, (int)strlen(text));
	free(text);
	SSL_shutdown(tls);
}

static void *run(void *context)
{
	struct https_server *server = context;
	struct pollfd listening = {.fd = server->socket, .events = POLLIN};
	while (!atomic_load(&server->stopping)) {
		if (poll(&listening, 1, 20) <= 0)
			continue;
		int fd = accept(server->socket, NULL, NULL);
		SSL *tls = SSL_new(server->tls);
		SSL_set_fd(tls, fd);
		if (SSL_accept(tls) == 1)
			answer(server, tls);
		SSL_free(tls);
		close(fd);
	}
	return NULL;
}

/* ---- beginning and end ---- */

struct https_server *https_server_start(const char *name)
{
	struct https_server *server = mem_zero(sizeof *server);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	signal(SIGPIPE, SIG_IGN); /* clients go when they like */
	make_identity(server, name);
	pthread_mutex_init(&server->lock, NULL);
	server->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->socket, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(server->socket, 16), 0);
	assert_int_equal(getsockname(server->socket, (struct sockaddr *)&address, &len), 0);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
	return server;
}

void https_server_stop(struct https_server *server)
{
	atomic_store(&server->stopping, true);
	pthread_join(server->thread, NULL);
	close(server->socket);
	SSL_CTX_free(server->tls);
	unlink(server->authority);
	for (size_t i = 0; i < server->answer_count; i++) {
		free(server->answers[i].path);
		free(server->answers[i].text);
	}
	pthread_mutex_destroy(&server->lock);
	free(server);
}

void https_server_says(struct https_server *server, const char *path, const char *text)
{
	pthread_mutex_lock(&server->lock);
	assert_true(server->answer_count < ANSWERS_MAX);
	server->answers[server->answer_count++] = (struct answer){mem_text(path), text ? mem_text(text) : NULL};
	pthread_mutex_unlock(&server->lock);
}

const char *https_server_authority(const struct https_server *server)
{
	return server->authority;
}

const char *https_server_url(struct https_server *server, const char *path)
{
	snprintf(server->url, sizeof server->url, "https://127.0.0.1:%u%s", server->port, path);
	return server->url;
}

unsigned https_server_count(struct https_server *server)
{
	return atomic_load(&server->requests);
}
