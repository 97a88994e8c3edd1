/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * In a build for gcov only: a process that ends by _exit, as the children of many tests do, writes its counters down first. They are otherwise
 * written by exit(). What is killed, or aborts, still loses them. */
#include <gcov.h>
#include <stdnoreturn.h>

noreturn void __real__exit(int code);
noreturn void __wrap__exit(int code);

noreturn void __wrap__exit(int code)
{
	__gcov_dump();
	__real__exit(code);
}
