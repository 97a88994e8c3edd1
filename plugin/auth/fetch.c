/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * From an issuer's name to its keys. Worker; blocks. */
#include "plugin/auth/fetch.h"

#include <stdlib.h>

#include "plugin/auth/discovery.h"
#include "plugin/auth/http.h"

static char *find_keys(const struct fetch_request *request, struct error *err)
{
	struct http_answer answer;
	char *url = discovery_url(request->issuer), *uri = NULL;
	const struct http_request get = {.url = url, .ca_file = request->ca_file, .bytes_max = FETCH_DOCUMENT_MAX, .abort = request->abort};
	if (http_get(&get, &answer, err)) {
		uri = discovery_read(answer.body.data ? answer.body.data : "", answer.body.len, request->issuer, err);
		http_answer_fini(&answer);
	}
	free(url);
	return uri;
}

bool fetch_keys(const struct fetch_request *request, struct fetched *fetched, struct error *err)
{
	struct http_answer answer;
	char *uri = find_keys(request, err);
	if (uri == NULL)
		return false;
	const struct http_request get = {.url = uri, .ca_file = request->ca_file, .bytes_max = FETCH_KEYS_MAX, .abort = request->abort};
	struct key_set *keys = NULL;
	if (http_get(&get, &answer, err)) {
		keys = key_set_read("its key set", answer.body.data ? answer.body.data : "", answer.body.len, KEY_PUBLISHED, err);
		if (keys != NULL)
			*fetched = (struct fetched){
				.keys = keys, .jwks_uri = uri, .age_s = cache_control_age(answer.cache_control), .date_s = answer.date_s};
		http_answer_fini(&answer);
	}
	if (keys == NULL)
		free(uri);
	return keys != NULL;
}

void fetched_fini(struct fetched *fetched)
{
	key_set_free(fetched->keys);
	free(fetched->jwks_uri);
	*fetched = (struct fetched){0};
}
