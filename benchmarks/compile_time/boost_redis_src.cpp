// A peer: the code of Boost.Redis, compiled once.
#include <boost/redis/src.hpp>
