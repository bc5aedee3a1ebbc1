rootProject.name = "genv-pycharm"
