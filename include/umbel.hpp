// umbel.hpp: everything a user of umbel includes. And the map of the house.
//
//     error, config  ←  resp  ←  cluster  ←  command ─────┐
//                                   ↑                     ├─ client
//                                   └─ engine  ←  net ────┘
//
// A directory may include itself and what stands to its left; nothing includes rightwards. Directory =
// namespace = layer.
//
//   config, error, options     version and assertions; what failed and whether it may have run; every setting
//   and every bound resp/      bytes and replies: parser, views and owners of replies, encoding, decoding
//   (from_reply<T>) cluster/   slots, topologies, the slot table, redirects and the policy that judges them:
//   values and pure functions command/   verbs and arguments, the typed commands, the table of all commands
//   and their keys engine/    state machines without I/O: call, pipeline, handshake, link (data plane);
//   refresher, engine (control plane); and what joins them,
//              over ports: session (all of a connection that is no socket), runtime (all of a client that is
//              neither thread nor timer)
//   net/       Asio: operation, home (what an operation knows of its client); driver and connection (ports of
//   runtime and session), transport client     what users hold: umbel::client, its typed commands, snapshots
//   src        what is no template; included by client unless a program compiles it apart
//   (UMBEL_SEPARATE_COMPILATION) testing/   a model cluster on virtual time, and ports of session and
//   runtime, for tests of umbel (included apart) testing/service/   a client of it, for tests of what is
//   built on umbel: testing/service/stage.hpp is where they begin
//
// One command goes: client → command (encoded once, slot found in the same pass) → cluster (slot table) →
// engine (pipeline) → net (one gathered write) → resp (parsed where it was received) → cluster (judged, if it
// is an error) → resp (decoded) → the coroutine.
#pragma once

#include <umbel/client.hpp>
#include <umbel/client/make_backend_impl.hpp>
#include <umbel/client/open_site_impl.hpp>
