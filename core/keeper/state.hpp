// Keeper::State: what a keeper is made of. Private to core/keeper: keeper.cpp starts, drains and
// tells; changes.cpp reloads and buries; children.cpp has the sessions of dynamic peers;
// commands.cpp what operators say.
#pragma once

#include <list>
#include <map>
#include <optional>
#include <random>

#include "keeper/app_listeners.hpp"
#include "keeper/doctor.hpp"
#include "keeper/established.hpp"
#include "keeper/keeper.hpp"
#include "keeper/key_watch.hpp"
#include "keeper/listeners.hpp"
#include "keeper/load.hpp"
#include "net/addresses.hpp"
#include "net/tcp_auth.hpp"
#include "session/session.hpp"

namespace peerhold {

struct Keeper::State final : private Later::Item {
  // A place of the configuration; its session is replaced when a reload restarts it. Or one of a
  // dynamic peer, which stands behind its parent's.
  struct Slot {
    std::unique_ptr<Session> session;
    std::unique_ptr<SessionConfig> next = {};  // starts when `session` is gone
    bool removed = false;
    // An operator's word that differs from `enabled`: it outlives a restart by reload.
    std::optional<bool> up = {};
    std::string parent = {};  // of a child: the name of the session that took it in

    void restart(const SessionConfig& with);
    void remove(ph_goodbye, const std::string& text, const std::string& message = {});
  };

  State(Loop&, KeeperSettings, Log&);
  ~State() = default;

  void look_later() { later.add(*this); }

  // ---- events
  // ----------------------------------------------------------------------------------------
  void tell(const Event&);
  void note(Level, EventKind, std::string_view id, const std::string& session, std::string to,
            std::string text, std::initializer_list<Log::Field>);

  // ---- sessions
  // --------------------------------------------------------------------------------------
  Slot* find(const std::string& name);
  std::vector<Session*> sessions();  // with those of dynamic peers, without the removed
  const KeyChain* chain_of(const SessionConfig&) const;
  Config present() const;
  std::unique_ptr<Session> make(SessionConfig, bool child = false);
  void add(const SessionConfig&);
  void look_whether_drained();
  void release();
  void host_changed();

  // ---- changes.cpp
  // -----------------------------------------------------------------------------------
  void apply(const std::vector<ReloadAction>& actions, Everything next);
  const Schema* schema_of(const std::string& plugin);
  // Sessions that have said goodbye are destroyed, and followed by their successors.
  void bury();

  // ---- children.cpp
  // ----------------------------------------------------------------------------------
  std::vector<Slot*> children_of(const std::string& parent);
  Result<Session*> child(Session& parent, const Address& peer);
  void forget(Session& child);
  // The parent's configuration, as it is now, for those that are there.
  void reload_children(const SessionConfig& parent);
  void remove_children(const std::string& parent, ph_goodbye, const std::string& text,
                       const std::string& message = {});

  Loop& loop;
  KeeperSettings settings;
  Log& log;
  Config config;                           // without `sessions`, which the slots have
  std::map<std::string, KeyChain> chains;  // nodes stay where they are: sessions point to them
  Plugins plugins;
  Later later;
  Closing closing;
  Listeners listeners;
  AppListeners app_listeners;
  std::mt19937_64 random;
  std::map<std::uint64_t, std::function<void(const Event&)>> subscribers;
  std::uint64_t next_subscriber = 1;
  std::list<Slot> slots;  // in the configuration's order
  std::unique_ptr<AddressWatch> watch;
  std::unique_ptr<EstablishedFiles> established;  // none without a runtime directory
  Timer drain_timer;
  std::function<void()> on_drained;
  WallTime started_at = std::chrono::system_clock::now();
  tcp_auth::Support support;
  bool started = false, draining = false;
  KeyWatch key_watch;
  Doctor doctor;
  Movers movers;  // goes first: nothing is lent any more when sessions go
  Surroundings around;

 private:
  void run_later() override { bury(); }
};

}  // namespace peerhold
