// scans.cpp: a source file that scans all keys. Unlike one that only sends commands it wants umbel's code in
// its own program or shared object.
#include <umbel/client.hpp>
#include <umbel/client/key_scan.hpp>

bool has_no_keys(umbel::client const& db) { return db.scan({.match = "key:*"}).done(); }
