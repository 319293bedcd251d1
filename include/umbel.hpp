// umbel.hpp: all of umbel, for a program in one file; and the map of the house. A program of several source
// files includes <umbel/client.hpp>, which is light, and <umbel/src.hpp> in one of them; both go together.
//
//     error, options  <-  resp  <-  cluster  <-  command ------------+
//                                     ^                              +- client
//                                     +-  engine  <-  async  <-  net +
//
// A directory may include itself and what stands to its left; nothing includes rightwards. Directory =
// namespace = layer. What users hold and name is in `umbel`.
//
// | directory        | what it is                                                                        |
// |------------------|-----------------------------------------------------------------------------------|
// | config, error,   | assertions; what failed and whether it may have run; every setting and bound      |
// | options          |                                                                                   |
// | resp/            | bytes and replies: parser, views and owners of replies, encoding, from_reply<T>   |
// | cluster/         | slots, topologies, slot table, redirects, the policy: values and pure functions   |
// | command/         | how a typed command becomes bytes and a slot; the table of all commands           |
// | engine/          | the client as state machines: session is all of one connection that is no socket, |
// |                  | runtime all of one client that is neither thread nor timer, over small ports      |
// | async/           | operations on Asio: handlers, executors, cancellation, the pool of calls          |
// | net/             | the ports of session and runtime over sockets and timers                          |
// | client/          | what users hold: umbel::client and the makers of its operations                   |
// | testing/         | the ports over virtual time, and a model cluster (included apart)                 |
// | testing/service/ | an umbel::client over them, for tests of what is built on umbel: stage.hpp        |
//
// One command goes: client -> command (encoded once, slot found in the same pass) -> cluster (slot table) ->
// engine (pipeline) -> net (one gathered write) -> resp (parsed where it was received) -> cluster (judged, if
// it is an error) -> resp (decoded) -> the coroutine.
//
// | looked for                          | stands in                                                      |
// |-------------------------------------|----------------------------------------------------------------|
// | what a redirect or an error means   | cluster/redirect.hpp reads it, cluster/policy.hpp decides,     |
// |                                     | engine/judge.hpp asks the policy                               |
// | where a MOVED is followed           | engine/dispatcher.hpp, follow(); on its way there: session     |
// |                                     | reports calls_returned, runtime hands it to engine, dispatcher;|
// |                                     | topology_tracker patches the slot in cluster/slot_table.hpp    |
// | which Asio, which expected          | config.hpp has the switches; async/asio.hpp, error.hpp         |
// | where a handler runs                | async/completion_target.hpp, with the table of cases           |
// | what happens without memory         | a step: engine/try_alloc.hpp, async/try_alloc.hpp (handlers);  |
// |                                     | a command: client/make_operation.hpp, then fail_no_memory in   |
// |                                     | dispatcher.hpp and pipeline_impl.hpp; no call: call_pool_impl  |
// | how the order of a batch is kept    | async/batch_run_impl.hpp, which engine/dispatcher.hpp asks     |
// |                                     | before it sends a command again: held()                        |
// | how a command is split by slot      | client/multi_key.hpp, typed; client/split_call.hpp, by words   |
// | what a module's command is          | client/learning_wait.hpp asks a server, for learning_call.hpp  |
// |                                     | and learning_batch.hpp; command/command_info                   |
// |                                     | reads the answer, client/learned_commands.hpp keeps it         |
// | when a connection counts as dead    | engine/silence.hpp                                             |
// | what a server announces             | engine/maintenance_notice.hpp reads it, maintenance_watch.hpp  |
// |                                     | gives time, maintenance.hpp and hand_overs.hpp act on it       |
// | what a URL means                    | cluster/url.hpp reads it; engine/url_parameters.hpp has what   |
// |                                     | its parameters set, engine/url_options.hpp makes options of it |
// | who a client says it is             | engine/credential_keeper.hpp; who is asked:                    |
// |                                     | credential_source.hpp; said anew: authenticator.hpp, which     |
// |                                     | also has connections made anew that are not let in any more    |
// | how a name becomes addresses        | net/name_resolver.hpp, and what is done while it hangs         |
// | which node serves a read            | engine/router.hpp                                              |
// | who leads servers without clusters  | engine/group_search.hpp asks them, engine/sentinel_search.hpp  |
// |                                     | their sentinels; cluster/sentinel_votes.hpp weighs the answers |
// | who gets which lease                | engine/lease_pool.hpp; a wait that is given up: blocked_waits, |
// |                                     | lease_watch; what a caller holds: client/lease.hpp             |
// | what the replies of MULTI … EXEC    | engine/transaction_replies.hpp reads them, call_outcomes.hpp   |
// | mean                                | judges the whole by them                                       |
// | how a script reaches a node         | client/encode_loaded.hpp, by engine/remedy.hpp                 |
// | where a new family of commands goes | command/: one header like command/keys.hpp over family.hpp;    |
// |                                     | its name among the bases of one_slot_commands in               |
// |                                     | client/scoped_client.hpp                                       |
// | the elements of one key by pages    | client/element_scan.hpp; of one large reply, one by one:       |
// |                                     | client/for_each.hpp, behind it engine/other_replies.hpp        |
// | several deployments behind one      | client/multi_client.hpp; which serves: engine/member_choice;   |
// | client                              | what is done about it: client/multi_members.hpp; how a command |
// |                                     | goes on by the next one: async/call_move.hpp                   |
// | a client without coroutines         | client/sync_client.hpp (included apart)                        |
// | check-and-set over several keys     | client/optimistic.hpp (included apart)                         |
// | recipes                             | client/cache_aside.hpp, client/lock.hpp (included apart)       |
// | a consumer of a group               | client/consumer.hpp; what it reads next: consumer_progress.hpp |
//
// Glossary. The eleven words that are ours:
//
// | call            | one command on its way: its encoded bytes, and later its result                    |
// | backend         | a client as its operations see it                                                  |
// | client handle   | how an operation finds its backend, or that the client has gone                    |
// | turn            | one visit of a connection or control plane, from taking ownership to letting go    |
// | note            | what a thread leaves for the present owner when it finds something owned           |
// | tombstone       | the place of a call that ended early, in the order of replies                      |
// | returned call   | a call that a connection hands back to be routed again                             |
// | parked call     | a call that has found no connection and waits for the control plane                |
// | retry state     | what is known of a call's earlier attempts: hops, delivery, faults                 |
// | remedy          | what a call does where a node lacks the script or function that it names           |
// | pinned          | bytes of a reply that keep the chunk in which they were received                   |
//
// One connection is five things, from the outside in: net::connection (a session over a socket, and which
// thread owns it) is an engine::session (turns, reading, writing, closing); that has a link (handshake,
// silence, loss); that has a pipeline (commands under way and their replies). link_id names it: node, mode
// and context. A lease is one of these, too: its mode is its number.
//
// Four verbs end a call: complete (with a value), fail (with an error), drop (destroy it and its handler,
// calling nobody), recycle (back to the pool).
#pragma once

#include <umbel/client.hpp>
#include <umbel/client/consumer.hpp>
#include <umbel/client/each_client.hpp>
#include <umbel/client/element_scan.hpp>
#include <umbel/client/for_each.hpp>
#include <umbel/client/key_scan.hpp>
#include <umbel/client/lease.hpp>
#include <umbel/client/make_backend_impl.hpp>
#include <umbel/client/multi_client.hpp>
#include <umbel/client/multi_client_impl.hpp>
#include <umbel/client/node_client.hpp>
#include <umbel/client/open_site_impl.hpp>
#include <umbel/client/options_from_url_impl.hpp>
