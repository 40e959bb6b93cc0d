"""Documents made from the models: data dictionary, semantic layer. Nothing at run time needs them but `describe`."""
