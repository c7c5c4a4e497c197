#include <duckdb.h>
#include <malloc.h>
#include <sys/prctl.h>

// prctl is variadic, which Swift does not import.
static inline int cduckdb_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
static inline int cduckdb_forbid_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
static inline int cduckdb_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// Of glibc 2.34, declared only under _GNU_SOURCE.
extern void closefrom(int descriptor);
