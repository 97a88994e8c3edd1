/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One bounded GET by libcurl. Worker; blocks. */
#include "plugin/auth/http.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

enum { CONNECT_TIMEOUT_MS = 5000 };

struct transfer {
	const struct http_request *request;
	struct http_answer *answer;
	bool too_long;
	char problem[CURL_ERROR_SIZE]; /* libcurl's words, more than its code tells */
};

bool http_start(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void http_stop(void)
{
	curl_global_cleanup();
}

void http_answer_fini(struct http_answer *answer)
{
	buf_fini(&answer->body);
	*answer = (struct http_answer){0};
}

/* ---- what libcurl calls ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	struct buf *body = &transfer->answer->body;
	size_t len = size * count;
	transfer->too_long = len > transfer->request->bytes_max - body->len;
	if (transfer->too_long)
		return CURL_WRITEFUNC_ERROR;
	buf_add(body, bytes, len);
	return len;
}

/* Each answer of a chain of redirects begins with its status. Several fields of the name make one list (RFC 9110 §5.3). */
static size_t on_header(char *line, size_t size, size_t count, void *context)
{
	static const char NAME[] = "cache-control:";
	struct transfer *transfer = context;
	char *field = transfer->answer->cache_control;
	size_t len = size * count, used = strlen(field), skip = sizeof NAME - 1;
	if (len >= 5 && strncasecmp(line, "HTTP/", 5) == 0)
		field[0] = '\0';
	if (len < skip || strncasecmp(line, NAME, skip) != 0)
		return len;
	size_t end = len;
	while (end > skip && strchr("\r\n \t", line[end - 1]))
		end--;
	while (skip < end && strchr(" \t", line[skip]))
		skip++;
	if (used + end - skip + 1 > HTTP_CACHE_CONTROL_MAX || memchr(line + skip, '\0', end - skip))
		return len;
	if (used > 0)
		field[used++] = ',';
	memcpy(field + used, line + skip, end - skip);
	field[used + end - skip] = '\0';
	return len;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	const struct transfer *transfer = context;
	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	return transfer->request->abort != NULL && atomic_load(transfer->request->abort);
}

/* ---- the request ---- */

static bool set_up(CURL *curl, struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	CURLcode rc[] = {
		curl_easy_setopt(curl, CURLOPT_URL, request->url),
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https"),
		curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https"),
		curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2),
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L),
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L),
		curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1),
		curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L),
		curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX),
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)HTTP_TIMEOUT_MS),
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS),
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L), /* the signals of this process are the broker's */
		curl_easy_setopt(curl, CURLOPT_USERAGENT, "hyperchat/" HC_VERSION),
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body),
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer),
		curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header),
		curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer),
		curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L),
		curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress),
		curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer),
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->problem),
	};
	for (size_t i = 0; i < sizeof rc / sizeof *rc; i++)
		if (rc[i] != CURLE_OK)
			return false;
	if (request->ca_file == NULL || request->ca_file[0] == '\0')
		return true;
	return curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file) == CURLE_OK && curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

/* The length of what stands between the scheme and the path. */
static int host_of(const char *url, const char **host)
{
	const char *scheme = strstr(url, "://");
	*host = scheme ? scheme + 3 : url;
	return (int)strcspn(*host, "/?");
}

static int64_t server_date(CURL *curl)
{
	struct curl_header *header;
	if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return 0;
	time_t date = curl_getdate(header->value, NULL);
	return date > 0 ? date : 0;
}

/* libcurl may quote what the server said. */
static const char *words_of(struct transfer *transfer, CURLcode rc)
{
	if (transfer->problem[0] == '\0')
		return curl_easy_strerror(rc);
	for (char *at = transfer->problem; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return transfer->problem;
}

static bool perform(CURL *curl, struct transfer *transfer, struct error *err)
{
	const char *host;
	int host_len = host_of(transfer->request->url, &host);
	long status = 0;
	CURLcode rc = curl_easy_perform(curl);
	if (transfer->too_long)
		return error_set(err, 0, (int)rc, "%.*s: its answer is longer than %zu bytes", host_len, host, transfer->request->bytes_max);
	if (rc != CURLE_OK)
		return error_set(err, 0, (int)rc, "%.*s: %s", host_len, host, words_of(transfer, rc));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return error_set(err, 0, (int)status, "%.*s: it answers with status %ld", host_len, host, status);
	transfer->answer->date_s = server_date(curl);
	return true;
}

bool http_get(const struct http_request *request, struct http_answer *answer, struct error *err)
{
	struct transfer transfer = {.request = request, .answer = answer};
	*answer = (struct http_answer){0};
	CURL *curl = curl_easy_init();
	bool got = curl != NULL && set_up(curl, &transfer);
	if (!got)
		error_set(err, 0, 0, "libcurl cannot be set up");
	else
		got = perform(curl, &transfer, err);
	curl_easy_cleanup(curl);
	if (!got)
		http_answer_fini(answer);
	return got;
}
