plugins {
    id("org.jetbrains.kotlin.jvm") version "2.3.21"
    id("org.jetbrains.intellij.platform") version "2.18.1"
}

repositories {
    mavenCentral()
    intellijPlatform { defaultRepositories() }
}

dependencies {
    intellijPlatform {
        pycharm("2025.2")
        bundledPlugin("PythonCore")
        bundledPlugin("org.jetbrains.plugins.terminal")
    }
}

kotlin { jvmToolchain(21) }

// The logic is compiled in; the platform brings gson.
sourceSets { main { kotlin.srcDir("../core/src/main/kotlin") } }

intellijPlatform {
    pluginConfiguration {
        name = "genv: GPU environments"
        version = "0.1.0"
        ideaVersion { sinceBuild = "252" }
    }
}
