/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The thread sanitizer knows POSIX threads and not those of <threads.h>, which Debian's librdkafka uses: it would crash in the first of them. This
 * library stands before the C library's and makes the one of the other. For builds with that sanitizer only. In glibc the types of both are the
 * same bytes. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#define EXPORT __attribute__((visibility("default")))

struct beginning {
	thrd_start_t run;
	void *arg;
};

static int result_of(int problem)
{
	return problem == 0 ? thrd_success : problem == ETIMEDOUT ? thrd_timedout : problem == EBUSY ? thrd_busy : thrd_error;
}

static void *begin(void *arg)
{
	struct beginning beginning = *(struct beginning *)arg;
	free(arg);
	return (void *)(intptr_t)beginning.run(beginning.arg);
}

EXPORT int thrd_create(thrd_t *thread, thrd_start_t run, void *arg)
{
	struct beginning *beginning = malloc(sizeof *beginning);
	if (beginning == NULL)
		return thrd_nomem;
	*beginning = (struct beginning){run, arg};
	return result_of(pthread_create(thread, NULL, begin, beginning));
}

EXPORT int thrd_join(thrd_t thread, int *result)
{
	void *value = NULL;
	int problem = pthread_join(thread, &value);
	if (result != NULL)
		*result = (int)(intptr_t)value;
	return result_of(problem);
}

EXPORT int mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t how;
	pthread_mutexattr_init(&how);
	pthread_mutexattr_settype(&how, (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
	int problem = pthread_mutex_init((pthread_mutex_t *)mutex, &how);
	pthread_mutexattr_destroy(&how);
	return result_of(problem);
}

EXPORT void mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

EXPORT int mtx_lock(mtx_t *mutex)
{
	return result_of(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

EXPORT int mtx_unlock(mtx_t *mutex)
{
	return result_of(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

EXPORT int cnd_init(cnd_t *condition)
{
	return result_of(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

EXPORT void cnd_destroy(cnd_t *condition)
{
	pthread_cond_destroy((pthread_cond_t *)condition);
}

EXPORT int cnd_signal(cnd_t *condition)
{
	return result_of(pthread_cond_signal((pthread_cond_t *)condition));
}

EXPORT int cnd_broadcast(cnd_t *condition)
{
	return result_of(pthread_cond_broadcast((pthread_cond_t *)condition));
}

EXPORT int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return result_of(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

EXPORT int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
	return result_of(pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until));
}
