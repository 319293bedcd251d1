// A peer: a file that sends one command by hiredis, which is a library in C.
#include <hiredis/async.h>

int read(redisAsyncContext* db, redisCallbackFn* then) {
    return redisAsyncCommand(db, then, nullptr, "GET %s", "key");
}
