@echo off
rem Starts optimux\setup.ps1 with Windows PowerShell, as an administrator; its exit code is passed on.
setlocal
set "here=%~dp0"
fltmc >nul 2>&1
if errorlevel 1 (
  echo Windows asks for an administrator now: the setup installs drivers.
  powershell.exe -NoProfile -Command "Start-Process -FilePath '%~f0' -Verb RunAs"
  exit /b %errorlevel%
)
powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "%here%optimux\setup.ps1" %*
set "code=%errorlevel%"
if "%code%"=="3010" echo Restart Windows, then start setup.cmd again: it goes on where it stopped.
if "%code%"=="2" echo Something is left for you to do: see the lines above, then start setup.cmd again.
rem Started by a double click, the window would close over what it says.
if "%~1"=="" pause
exit /b %code%
