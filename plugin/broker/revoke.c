/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Tokens are revoked while people are connected by them. Broker thread. */
#include "plugin/broker/revoke.h"

#include <string.h>

#include "plugin/broker/revocations.h"
#include "plugin/broker/server.h"

static bool is_hit(const struct server *server, const struct session *session)
{
	const char *why, *device = session->for_device ? session->device : NULL;
	return revocations_refuse(server->revocations, session->person->user_id, device, session->issued_at_ms, &why);
}

void revoke_happened(struct server *server, const char *subject, int64_t at_ms)
{
	char user_id[USER_ID_MAX + 1];
	size_t len = strcspn(subject, "/");
	if (len > USER_ID_MAX)
		return; /* nobody is called so */
	memcpy(user_id, subject, len);
	user_id[len] = '\0';
	revocations_add(server->revocations, subject, at_ms);
	const struct person *person = person_find(server, user_id);
	for (struct session *session = person ? person->sessions : NULL; session != NULL; session = session->person_next)
		if (is_hit(server, session))
			session_cut(server, session);
}
