// A directory of one's own with copies of the built plugins, so that modes can be spoiled.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "plugin/library.hpp"

struct PluginDir {
  std::filesystem::path path;

  PluginDir() {
    std::string name = (std::filesystem::temp_directory_path() / "plugins.XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~PluginDir() { std::filesystem::remove_all(path); }
  PluginDir(const PluginDir&) = delete;
  PluginDir& operator=(const PluginDir&) = delete;

  std::string put(const std::string& name, const std::string& as = {}) const {
    const char* built = std::getenv("PLUGINS");
    const auto to = path / ((as.empty() ? name : as) + ".so");
    std::filesystem::copy_file(std::filesystem::path(built ? built : ".") / (name + ".so"), to);
    std::filesystem::permissions(to, std::filesystem::perms(0644));
    return to.string();
  }
  peerhold::Result<std::unique_ptr<peerhold::Library>> load(const std::string& name) const {
    return peerhold::Library::load(put(name));
  }
};
