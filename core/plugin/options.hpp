// PluginConfig: the checked options of one session as a plugin reads them (struct ph_config of the
// ABI).
#pragma once

#include <peerhold/plugin.h>

#include <memory>
#include <vector>

#include "config/config.hpp"

namespace peerhold {

// What complain() is told, with the place of the option. Lives as long as the check that fills it.
struct Complaints {
  std::string where;  // `session "edge1"`
  std::vector<Diagnostic>* out = nullptr;
};

// Borrows `values` and `schema`, which must outlive it; pointers handed to the plugin are stable.
class PluginConfig {
 public:
  PluginConfig(const Schema& schema, const Checked& values, Complaints* = nullptr);
  ~PluginConfig();
  const ph_config* get() const { return root_.get(); }

 private:
  std::unique_ptr<ph_config> root_;
};

// opt_int … opt_table and complain of the host table.
void fill_option_functions(ph_host&);
// The options that a plugin declares as the core's schema; an error names the option that is wrong.
Result<Schema> schema_of(const ph_plugin&);

}  // namespace peerhold
